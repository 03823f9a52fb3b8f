import type { Decision, Facts as DecisionFacts, SubjectFacts } from '../../../model/index.ts'
import { Fragment, h, type Html } from '../markup.ts'
import { shellWord, urlOf, type Page, type PageAnswer, type Visit } from '../page.ts'
import { Choice, Digest, Facts, Field, Lines, Notice, State, Table, Text, Time } from '../parts.tsx'
import { ChecksTable } from './checks.tsx'
import { defined } from './words.ts'

interface Summary {
  readonly id: string
  readonly at: string
  readonly outcome: string
  readonly principal: string
  readonly action: string
  readonly resource: string
}

const LISTED = '100'

export const decisionPages: readonly Page[] = [
  { method: 'GET', path: '/decisions', visit: visitList },
  { method: 'GET', path: '/decisions/:id', visit: visitOne },
]

async function visitList({ api, query }: Visit): Promise<PageAnswer> {
  const { outcome, resource } = query
  const asked = defined({ outcome, resource, limit: LISTED })
  const { decisions } = await api.get<{ readonly decisions: readonly Summary[] }>('/decisions', {
    query: asked,
  })
  const flags = [
    outcome === undefined ? '' : ` --outcome ${shellWord(outcome)}`,
    resource === undefined ? '' : ` --resource ${shellWord(resource)}`,
  ]
  return {
    kind: 'page',
    title: 'Decisions',
    elsewhere: { api: urlOf('/decisions', asked), cli: `lacre decision list${flags.join('')}` },
    body: (
      <Fragment>
        <form class="ask" method="get" action="/console/decisions">
          <Choice
            label="Outcome"
            name="outcome"
            value={outcome}
            options={[
              ['', 'any'],
              ['deny', 'deny'],
              ['warn', 'warn'],
              ['allow', 'allow'],
            ]}
          />
          <Field label="Of this ARN alone" name="resource" value={resource} maxlength={512} />
          <button type="submit" class="first">
            Show
          </button>
        </form>
        <Table
          caption={`The last ${decisions.length} decisions`}
          rows={decisions}
          empty="none that fits"
          columns={[
            {
              head: 'Decision',
              cell: ({ id }) => <a href={`/console/decisions/${encodeURIComponent(id)}`}>{id}</a>,
            },
            { head: 'Outcome', cell: (one) => <State>{one.outcome}</State> },
            { head: 'Action', cell: ({ action }) => action },
            { head: 'Of', cell: (one) => <Text>{one.resource}</Text> },
            { head: 'By', cell: ({ principal }) => <Text>{principal}</Text> },
            { head: 'When', cell: ({ at }) => <Time at={at} /> },
          ]}
        />
      </Fragment>
    ),
  }
}

async function visitOne({ api, params }: Visit): Promise<PageAnswer> {
  const { id = '' } = params
  const { decision, facts } = await api.get<{
    readonly decision: Decision
    readonly facts: DecisionFacts
  }>('/decisions/:id', { params: { id } })
  const refused = decision.outcome === 'deny'
  return {
    kind: 'page',
    title: refused ? 'Refused, and why' : 'Admitted, and why',
    elsewhere: {
      api: `/decisions/${encodeURIComponent(id)}`,
      cli: `lacre decision show ${shellWord(id)}`,
    },
    body: (
      <Fragment>
        <Summed decision={decision} />
        <Facts
          rows={[
            ['Decision', <code>{id}</code>],
            ['Outcome', <State>{decision.outcome}</State>],
            ['Action', facts.action],
            ['Of', <Text>{facts.resource}</Text>],
            ['By', <Text>{facts.principal.name}</Text>],
            ['When', <Time at={decision.at} />],
            [
              'Change',
              <Text>{`${facts.change.from ?? 'nothing'} → ${facts.change.to ?? 'nothing'}`}</Text>,
            ],
            ['Policy set', <Text>{decision.policySet.version}</Text>],
            [
              'Policies that decided',
              <Text>{decision.policySet.determining.join(', ') || 'none'}</Text>,
            ],
            ['World', String(decision.world)],
            ['Digest of the facts', <Digest>{decision.factsDigest}</Digest>],
          ]}
        />
        <ChecksTable checks={decision.checks} caption="What was checked" />
        <Seals subjects={facts.subjects} />
        <h2>Facts</h2>
        <p>The decision is a function of these and of the policy set.</p>
        <details>
          <summary>All facts as JSON</summary>
          <Lines>{JSON.stringify(facts, null, 2)}</Lines>
        </details>
      </Fragment>
    ),
  }
}

function Summed({ decision }: { readonly decision: Decision }): Html | null {
  const failed = decision.checks.filter(({ status }) => status === 'failed')
  if (failed.length === 0) return null
  return (
    <Notice tone="bad">
      {failed.map(({ rule, expected, got, fix }) => (
        <p>
          <strong>
            <Text>{rule}</Text>
          </strong>
          {': expected '}
          <Text>{expected}</Text>
          {', got '}
          <Text>{got}</Text>
          {fix !== undefined && (
            <Fragment>
              {'. '}
              <Text>{fix}</Text>
            </Fragment>
          )}
        </p>
      ))}
    </Notice>
  )
}

function Seals({ subjects }: { readonly subjects: readonly SubjectFacts[] }): Html {
  const rows = subjects.flatMap(({ kind, codeSha256, verdict }) =>
    verdict.seals.map((seal) => ({ kind, codeSha256, seal })),
  )
  return (
    <Table
      caption="Whose seals were found"
      rows={rows}
      empty="no seal"
      columns={[
        { head: 'Seal', cell: ({ seal }) => <Digest>{seal.digest}</Digest> },
        { head: 'Is', cell: ({ seal }) => <State>{seal.outcome}</State> },
        {
          head: 'Publisher',
          cell: ({ seal }) => <Text>{seal.publisher?.name ?? 'of no publisher'}</Text>,
        },
        { head: 'Signer', cell: ({ seal }) => <Text>{signerOf(seal.signer)}</Text> },
        { head: 'On', cell: ({ kind, codeSha256 }) => [kind, ' ', <Digest>{codeSha256}</Digest>] },
      ]}
    />
  )
}

/** Whatever kind of signer: its members as they were read. */
function signerOf(signer: object | undefined): string {
  if (signer === undefined) return 'unknown'
  return Object.entries(signer)
    .filter(([, value]) => typeof value === 'string')
    .map(([name, value]) => `${name} ${String(value)}`)
    .join(', ')
}
