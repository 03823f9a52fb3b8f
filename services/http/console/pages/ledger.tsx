import { checkInclusion, type InclusionFinding } from '../../../audit/index.ts'
import { toIsoTime } from '../../../model/index.ts'
import { Fragment, h, type Html } from '../markup.ts'
import { shellWord, urlOf, type Page, type PageAnswer, type Visit } from '../page.ts'
import { Digest, Facts, Field, Lines, Notice, Table, Text, Time } from '../parts.tsx'

interface Checkpoint {
  readonly size: number
  readonly note: string
  readonly verifierKey: string
  readonly epoch: number
  readonly tlog: string
  readonly witnesses: readonly {
    readonly name: string
    readonly cosignedSize: number
    readonly fault: string | null
  }[]
}
interface Entry {
  readonly index: number
  readonly leafHash: string
  readonly body: string
}
interface Inclusion {
  readonly index: number
  readonly body: string
  readonly checkpoint: { readonly size: number; readonly root: string; readonly note: string }
  readonly proof: readonly string[]
}

const PAGE = 50

export const ledgerPages: readonly Page[] = [
  { method: 'GET', path: '/ledger', visit: visitLedger },
  { method: 'GET', path: '/ledger/entries/:index', visit: visitEntry },
]

async function visitLedger({ api, query }: Visit): Promise<PageAnswer> {
  const checkpoint = await api.get<Checkpoint>('/ledger/checkpoint')
  const last = Math.max(0, checkpoint.size - PAGE)
  const { from = String(last) } = query
  const asked = { from, limit: String(PAGE) }
  const { entries } = await api.get<{ readonly entries: readonly Entry[] }>('/ledger/entries', {
    query: asked,
  })
  return {
    kind: 'page',
    title: 'Ledger',
    elsewhere: { api: urlOf('/ledger/entries', asked), cli: 'lacre ledger export -o ledger.txt' },
    body: (
      <Fragment>
        <Facts
          rows={[
            ['Entries', String(checkpoint.size)],
            ['Epoch', String(checkpoint.epoch)],
            ['Log key', <code id="log-key">{checkpoint.verifierKey}</code>],
            ['Tiles', <code>{checkpoint.tlog}</code>],
          ]}
        />
        <h2>Checkpoint</h2>
        <p>Keep it, and the key, somewhere else: with them nothing can be taken away unseen.</p>
        <Lines>{checkpoint.note}</Lines>
        <Table
          caption="Witnesses"
          rows={checkpoint.witnesses}
          empty="none cosigns: evidence shows what this service says, not that it says the same to everyone"
          columns={[
            { head: 'Witness', cell: ({ name }) => <Text>{name}</Text> },
            { head: 'Cosigned to', cell: ({ cosignedSize }) => String(cosignedSize) },
            { head: 'Fault', cell: ({ fault }) => <Text>{fault ?? 'none'}</Text> },
          ]}
        />
        <Entries entries={entries.toReversed()} />
        <Paging from={Number(from)} size={checkpoint.size} />
      </Fragment>
    ),
  }
}

function Entries({ entries }: { readonly entries: readonly Entry[] }): Html {
  const rows = entries.map(({ index, leafHash, body }) => ({ index, leafHash, told: toldOf(body) }))
  return (
    <Table
      caption="Entries"
      rows={rows}
      empty="none from there on"
      columns={[
        {
          head: 'Index',
          cell: ({ index }) => <a href={`/console/ledger/entries/${index}`}>{`entry ${index}`}</a>,
        },
        { head: 'When', cell: ({ told }) => <Time at={told.at} /> },
        { head: 'Type', cell: ({ told }) => <Text>{told.type}</Text> },
        { head: 'Action', cell: ({ told }) => <Text>{told.action}</Text> },
        { head: 'Of', cell: ({ told }) => <Text>{told.resource}</Text> },
        { head: 'By', cell: ({ told }) => <Text>{told.principal}</Text> },
        { head: 'Leaf', cell: ({ leafHash }) => <Digest>{leafHash}</Digest> },
      ]}
    />
  )
}

/** What an entry says of itself, for a row. */
function toldOf(
  body: string,
): Readonly<Record<'at' | 'type' | 'action' | 'resource' | 'principal', string>> {
  const entry = JSON.parse(body) as Readonly<Record<string, unknown>>
  const text = (name: string): string => {
    const value = entry[name]
    if (typeof value === 'string') return value
    if (typeof value === 'number') return toIsoTime(value)
    const { name: named, id } = { ...(value as { name?: unknown; id?: unknown } | undefined) }
    return [named, id].find((one): one is string => typeof one === 'string') ?? ''
  }
  return {
    at: text('at'),
    type: text('type'),
    action: text('action'),
    resource: text('resource'),
    principal: text('principal'),
  }
}

function Paging({ from, size }: { readonly from: number; readonly size: number }): Html {
  const at = (start: number): string => urlOf('/console/ledger', { from: String(start) })
  return (
    <p class="more">
      {from > 0 && <a href={at(Math.max(0, from - PAGE))}>Older entries</a>}{' '}
      {from + PAGE < size && <a href={at(from + PAGE)}>Newer entries</a>}
    </p>
  )
}

async function visitEntry({ api, params }: Visit): Promise<PageAnswer> {
  const { index = '' } = params
  const inclusion = await api.get<Inclusion>('/ledger/proofs/inclusion', { query: { index } })
  const { verifierKey } = await api.get<Checkpoint>('/ledger/checkpoint')
  const { body, checkpoint, proof } = inclusion
  return {
    kind: 'page',
    title: `Ledger entry ${inclusion.index}`,
    scripts: ['proof.js'],
    elsewhere: {
      api: urlOf('/ledger/proofs/inclusion', { index }),
      cli: `lacre ledger prove --entry ${shellWord(index)} -o entry.tlog-proof`,
    },
    body: (
      <Fragment>
        <Lines>{JSON.stringify(JSON.parse(body), null, 2)}</Lines>
        <h2>Proof that it is in the ledger</h2>
        <Finding found={checkInclusion(inclusion, verifierKey)} />
        <div
          id="proof"
          data-index={inclusion.index}
          data-size={checkpoint.size}
          data-leaf={Buffer.from(body).toString('base64')}
          data-path={proof.join(' ')}
          data-note={Buffer.from(checkpoint.note).toString('base64')}
          data-key={verifierKey}
        />
        <form
          id="proof-form"
          class="ask"
          hidden
          method="get"
          action={`/console/ledger/entries/${inclusion.index}`}
        >
          <Field
            label="Log key that you keep"
            name="key"
            maxlength={300}
            hint="left empty, the key that this page names is taken: then it is consistent, not authenticated"
          />
          <button type="submit" class="first">
            Check in this browser
          </button>
          <output id="proof-result" for="field-key" />
        </form>
        <Facts
          rows={[
            ['Tree size', String(checkpoint.size)],
            ['Root', <Digest>{checkpoint.root}</Digest>],
            ['Nodes of the proof', String(proof.length)],
            ['Log key', <code>{verifierKey}</code>],
          ]}
        />
        <Lines>{checkpoint.note}</Lines>
      </Fragment>
    ),
  }
}

function Finding({ found }: { readonly found: InclusionFinding }): Html {
  const sound = found.included && found.signed
  return (
    <Notice tone={sound ? 'good' : 'bad'}>
      <p>
        {`The service finds: the entry ${found.included ? 'lies' : 'does NOT lie'} in the tree of the checkpoint, whose signature ${found.signed ? 'holds' : 'does NOT hold'} under its key.`}
      </p>
      <p>That is its own word: check it here, or offline with a key that you keep.</p>
    </Notice>
  )
}
