import { PlatformError, isInForce, EXCEPTION_SCOPES } from '../../../model/index.ts'
import type { JsonObject } from '../../lambda/handler.ts'
import { Fragment, h, type Html } from '../markup.ts'
import { shellWord, urlOf, type Page, type PageAnswer, type Visit } from '../page.ts'
import {
  Choice,
  Digest,
  Facts,
  Field,
  Hidden,
  Notice,
  State,
  Table,
  Text,
  Time,
  isoMs,
} from '../parts.tsx'
import { Preview, previewOf } from './preview.tsx'
import { defined } from './words.ts'

interface Exception {
  readonly id: string
  readonly functionName: string
  readonly alias: string
  readonly version: string
  readonly release: string
  readonly reason: string
  readonly ticket: string
  readonly scope: readonly string[]
  readonly ttlMs: number
  readonly requester: string
  readonly requestedAt: string
  readonly quorum: number | null
  readonly second: string | null
  readonly grantedAt: string | null
  readonly until: string | null
  readonly ended: string | null
  readonly endedAt: string | null
  readonly endedBy: string | null
  readonly reviewedBy: string | null
  readonly reviewedAt: string | null
  readonly reviewNote: string | null
}

const LISTED = '100'
const MINUTE_MS = 60_000

export const breakGlassPages: readonly Page[] = [
  { method: 'GET', path: '/break-glass', visit: visitList },
  { method: 'POST', path: '/break-glass', visit: request },
  { method: 'GET', path: '/break-glass/:id', visit: visitOne },
  { method: 'POST', path: '/break-glass/:id/grant', visit: (visit) => step(visit, 'grant') },
  { method: 'POST', path: '/break-glass/:id/end', visit: (visit) => step(visit, 'end') },
  { method: 'POST', path: '/break-glass/:id/review', visit: (visit) => step(visit, 'review') },
]

async function visitList({ api, query, csrf, nowMs }: Visit): Promise<PageAnswer> {
  const { functionName } = query
  const asked = defined({ functionName, limit: LISTED })
  const { breakGlass } = await api.get<{ readonly breakGlass: readonly Exception[] }>(
    '/break-glass',
    { query: asked },
  )
  const flag = functionName === undefined ? '' : ` --function ${shellWord(functionName)}`
  return {
    kind: 'page',
    title: 'Break-glass',
    elsewhere: { api: urlOf('/break-glass', asked), cli: `lacre break-glass list${flag}` },
    body: (
      <Fragment>
        <Table
          caption={`Exceptions: ${breakGlass.length}`}
          rows={breakGlass}
          empty="no exception was ever asked for"
          columns={[
            {
              head: 'Alias',
              cell: (one) => (
                <a href={`/console/break-glass/${encodeURIComponent(one.id)}`}>
                  <Text>{`${one.functionName}:${one.alias} to version ${one.version}`}</Text>
                </a>
              ),
            },
            { head: 'State', cell: (one) => <State>{stateOf(one, nowMs)}</State> },
            { head: 'Asked by', cell: ({ requester }) => <Text>{requester}</Text> },
            { head: 'Second person', cell: ({ second }) => <Text>{second ?? '–'}</Text> },
            { head: 'Ticket', cell: ({ ticket }) => <Text>{ticket}</Text> },
            { head: 'Until', cell: ({ until }) => <Time at={until} /> },
          ]}
        />
        <RequestForm csrf={csrf} />
      </Fragment>
    ),
  }
}

function RequestForm({ csrf }: { readonly csrf: string }): Html {
  return (
    <form method="post" action="/console/break-glass">
      <fieldset>
        <legend>Ask for an exception</legend>
        <Hidden csrf={csrf} />
        <p>
          For one release in one alias. A second person grants it, it ends by itself, and it stays
          red until it is reviewed.
        </p>
        <div class="ask">
          <Field label="Function" name="functionName" required maxlength={64} />
          <Field label="Alias" name="alias" required maxlength={128} />
          <Field label="Version" name="version" required pattern="[1-9][0-9]*" maxlength={15} />
          <Choice
            label="What it waives"
            name="scope"
            value="policy"
            options={EXCEPTION_SCOPES.map((one) => [one, one])}
          />
          <Field
            label="Minutes"
            name="minutes"
            type="number"
            required
            value="60"
            min={1}
            max={1440}
          />
          <Field label="Ticket" name="ticket" required maxlength={200} />
          <Field label="Reason" name="reason" required maxlength={500} />
          <button type="submit" class="grave">
            Ask for it
          </button>
        </div>
      </fieldset>
    </form>
  )
}

async function visitOne(visit: Visit): Promise<PageAnswer> {
  const { api, params, csrf, nowMs } = visit
  const { id = '' } = params
  const one = await api.get<Exception>('/break-glass/:id', { params: { id } })
  const waiting = stateOf(one, nowMs) === 'asked for'
  const preview = waiting ? await previewOf(visit, one) : undefined
  return {
    kind: 'page',
    title: `Break-glass: ${one.functionName}:${one.alias}`,
    elsewhere: {
      api: `/break-glass/${encodeURIComponent(id)}`,
      cli: `lacre break-glass ${waiting ? 'grant' : 'show'} ${shellWord(id)}`,
    },
    body: (
      <Fragment>
        <About one={one} nowMs={nowMs} />
        {preview && <Preview preview={preview} />}
        <Steps one={one} csrf={csrf} nowMs={nowMs} />
      </Fragment>
    ),
  }
}

function About({ one, nowMs }: { readonly one: Exception; readonly nowMs: number }): Html {
  const minutes = one.ttlMs / MINUTE_MS
  return (
    <Facts
      rows={[
        ['State', <State>{stateOf(one, nowMs)}</State>],
        ['To version', one.version],
        ['Release', <Digest>{one.release}</Digest>],
        ['Waives', one.scope.join(', ')],
        ['Lasts', `${minutes} min from when it is granted`],
        ['Asked by', <Text>{one.requester}</Text>],
        ['Reason', <Text>{one.reason}</Text>],
        ['Ticket', <Text>{one.ticket}</Text>],
        [
          'Second person',
          <Text>{one.second ?? (one.quorum === 1 ? 'none is needed here' : '–')}</Text>,
        ],
        ['Granted', <Time at={one.grantedAt} />],
        ['Until', <Time at={one.until} />],
        [
          'Ended',
          one.ended === null ? '–' : [<Text>{one.ended}</Text>, ' ', <Time at={one.endedAt} />],
        ],
        [
          'Reviewed',
          one.reviewedAt === null
            ? '–'
            : [<Text>{one.reviewedBy ?? ''}</Text>, ': ', <Text>{one.reviewNote ?? ''}</Text>],
        ],
      ]}
    />
  )
}

interface StepsProps {
  readonly one: Exception
  readonly csrf: string
  readonly nowMs: number
}

function Steps({ one, csrf, nowMs }: StepsProps): Html {
  const path = `/console/break-glass/${encodeURIComponent(one.id)}`
  const state = stateOf(one, nowMs)
  const button = (name: string, label: string, tone: 'grave' | 'first'): Html => (
    <form method="post" action={`${path}/${name}`}>
      <Hidden csrf={csrf} />
      <p>
        <button type="submit" class={tone}>
          {label}
        </button>
      </p>
    </form>
  )
  if (state === 'asked for')
    return (
      <Fragment>
        {button('grant', 'Grant it as the second person', 'grave')}
        {button('end', 'Take the request back', 'first')}
      </Fragment>
    )
  if (state === 'in force') return button('end', 'End it now: the alias goes back', 'first')
  if (state !== 'not reviewed')
    return (
      <Notice tone="good">
        <p>Nothing is left to do.</p>
      </Notice>
    )
  return (
    <form method="post" action={`${path}/review`}>
      <fieldset>
        <legend>Review it</legend>
        <Hidden csrf={csrf} />
        <div class="ask">
          <Field label="What came of it" name="note" required maxlength={500} />
          <button type="submit" class="first">
            Close it
          </button>
        </div>
      </fieldset>
    </form>
  )
}

async function request({ api, form }: Visit): Promise<PageAnswer> {
  const { functionName, alias, version, reason, ticket, minutes = '' } = form
  const { scope = 'policy' } = form
  if (!/^\d{1,4}$/.test(minutes))
    throw new PlatformError('INVALID_PARAMETER', '`minutes` is 1 to 1440')
  const asked = defined({ functionName, alias, version, reason, ticket })
  const body: JsonObject = { ...asked, scope: [scope], ttlMs: Number(minutes) * MINUTE_MS }
  const { body: made } = await api.call('POST /break-glass', { body })
  const { id } = made as unknown as Exception
  return { kind: 'moved', to: `/console/break-glass/${encodeURIComponent(id)}` }
}

async function step(
  { api, params, form }: Visit,
  name: 'grant' | 'end' | 'review',
): Promise<PageAnswer> {
  const { id = '' } = params
  const body = name === 'review' ? defined({ note: form['note'] }) : {}
  await api.call(`POST /break-glass/:id/${name}`, { params: { id }, body })
  return { kind: 'moved', to: `/console/break-glass/${encodeURIComponent(id)}` }
}

/** In one or two words; the gate asks the same function whether it holds. */
function stateOf(one: Exception, nowMs: number): string {
  const ms = (at: string | null): number | null => (at === null ? null : isoMs(at))
  const times = {
    grantedAtMs: ms(one.grantedAt),
    untilMs: ms(one.until),
    endedAtMs: ms(one.endedAt),
  }
  if (one.reviewedAt !== null) return 'reviewed'
  if (isInForce(times, nowMs)) return 'in force'
  if (times.grantedAtMs === null) return one.ended ?? 'asked for'
  return 'not reviewed'
}
