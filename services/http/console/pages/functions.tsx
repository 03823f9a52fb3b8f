import { PlatformError } from '../../../model/index.ts'
import type { JsonObject } from '../../lambda/handler.ts'
import type { Members } from '../form.ts'
import { Fragment, h, type Child, type Html } from '../markup.ts'
import { shellWord, urlOf, type Page, type PageAnswer, type Visit } from '../page.ts'
import { Choice, DecisionLink, Field, Hidden, More, State, Table, Text, Time } from '../parts.tsx'
import { LiveTable, type LiveRow } from './live.tsx'
import { makePlan, Planned } from './plan.tsx'
import { defined, percent, type ToldDecision } from './words.ts'

interface Slot {
  readonly version: string
  readonly weight: number
}
type TimelineEvent =
  | {
      readonly kind: 'change'
      readonly at: string
      readonly action: string | null
      readonly principal: { readonly name: string } | null
      readonly decision: ToldDecision | null
      readonly slots: readonly {
        readonly alias: string
        readonly from: Slot | null
        readonly to: Slot | null
      }[]
      readonly more: boolean
    }
  | {
      readonly kind: 'refusal'
      readonly at: string
      readonly decision: ToldDecision
      readonly failed: readonly string[]
    }

interface Version {
  readonly Version: string
  readonly CodeSha256: string
  readonly LastModified: string
  readonly Runtime?: string
  readonly State?: string
  readonly Description?: string
}

const EVENTS = '50'
const VERSIONS = '50'
const LIVE = '500'

export const functionPages: readonly Page[] = [
  { method: 'GET', path: '/functions/:functionName', visit: visitFunction },
  { method: 'POST', path: '/functions/:functionName/plan-move', visit: planMove },
  { method: 'POST', path: '/functions/:functionName/move', visit: commitMove },
]

async function visitFunction(visit: Visit): Promise<PageAnswer> {
  const { api, params, query, nowMs, csrf } = visit
  const { functionName = '' } = params
  const { alias, marker } = query
  const asked = defined({ alias, marker, limit: EVENTS })
  const [history, live, versions] = [
    await api.get<{ readonly events: readonly TimelineEvent[]; readonly nextMarker?: string }>(
      '/history/functions/:functionName',
      { params: { functionName }, query: asked },
    ),
    await api.getIfAllowed<{ readonly live: readonly LiveRow[] }>('/live', {
      query: { functionName, names: 'all', limit: LIVE },
    }),
    await versionsOf(visit, functionName),
  ]
  const aliases = [...new Set((live?.live ?? []).map((row) => row.alias))].filter(isAlias)
  const path = `/console/functions/${encodeURIComponent(functionName)}`
  return {
    kind: 'page',
    title: `Function ${functionName}`,
    elsewhere: {
      api: urlOf(`/history/functions/${encodeURIComponent(functionName)}`, asked),
      cli: `lacre history ${shellWord(alias === undefined ? functionName : `${functionName}:${alias}`)}`,
    },
    body: (
      <Fragment>
        {live && (
          <LiveTable rows={live.live} nowMs={nowMs} caption="What can be invoked of it now" />
        )}
        <p>
          <a href={urlOf('/console/logs', { function: functionName })}>What it wrote</a>
        </p>
        {aliases.length > 0 && (
          <MoveForm path={path} aliases={aliases} versions={versions} csrf={csrf} />
        )}
        <Versions versions={versions} />
        <h2>What happened</h2>
        <Timeline events={history.events} />
        <More to={path} query={defined({ alias })} marker={history.nextMarker} />
      </Fragment>
    ),
  }
}

function isAlias(name: string): boolean {
  return !/^[0-9]+$/.test(name) && name !== '$LATEST'
}

/** None where the function is gone: its history stays. */
async function versionsOf({ api }: Visit, functionName: string): Promise<readonly Version[]> {
  try {
    const { Versions } = await api.lambda<{ readonly Versions: readonly Version[] }>(
      'ListVersionsByFunction',
      { FunctionName: functionName },
      { query: { MaxItems: VERSIONS } },
    )
    return Versions
  } catch (error) {
    const gone = error instanceof PlatformError && error.code !== 'INTERNAL'
    if (gone) return []
    throw error
  }
}

function Versions({ versions }: { readonly versions: readonly Version[] }): Html {
  return (
    <Table
      caption="Versions"
      rows={versions}
      empty="none that may be shown"
      columns={[
        { head: 'Version', cell: (one) => one.Version },
        { head: 'State', cell: (one) => <State>{one.State ?? 'Active'}</State> },
        { head: 'Runtime', cell: (one) => one.Runtime ?? '–' },
        { head: 'Code', cell: (one) => <code class="digest">{one.CodeSha256}</code> },
        { head: 'Published', cell: (one) => <Text>{one.LastModified}</Text> },
        { head: 'Description', cell: (one) => <Text>{one.Description ?? ''}</Text> },
      ]}
    />
  )
}

interface MoveFormProps {
  readonly path: string
  readonly aliases: readonly string[]
  readonly versions: readonly Version[]
  readonly csrf: string
}

function MoveForm({ path, aliases, versions, csrf }: MoveFormProps): Html {
  const numbers = versions.map((one) => one.Version).filter((version) => version !== '$LATEST')
  return (
    <form method="post" action={`${path}/plan-move`}>
      <fieldset>
        <legend>Move an alias</legend>
        <Hidden csrf={csrf} />
        <div class="ask">
          <Choice
            label="Alias"
            name="alias"
            value={aliases[0]}
            options={aliases.map((one) => [one, one])}
          />
          <Choice
            label="To version"
            name="version"
            value={numbers.at(-1)}
            options={numbers.map((one) => [one, one])}
          />
          <Field
            label="Share in percent"
            name="share"
            type="number"
            value="100"
            min={0}
            max={100}
            step="any"
            required
            hint="100 moves it whole; less gives the version a share beside what the alias serves now"
          />
          <button type="submit" class="first">
            Show the plan
          </button>
        </div>
      </fieldset>
    </form>
  )
}

/** The form as UpdateAlias takes it: all of the alias, or a share beside what it serves. @throws PlatformError INVALID_PARAMETER */
function readMove({ alias, version, share }: Members): {
  readonly alias: string
  readonly version: string
  readonly share: string
  readonly body: JsonObject
} {
  const percents =
    share === undefined || !/^\d{1,3}(?:\.\d{1,4})?$/.test(share) ? NaN : Number(share)
  if (alias === undefined || version === undefined || share === undefined || !(percents <= 100))
    throw new PlatformError('INVALID_PARAMETER', 'a move wants an alias, a version and 0 to 100 %')
  const body =
    percents === 100
      ? { FunctionVersion: version, RoutingConfig: { AdditionalVersionWeights: {} } }
      : { RoutingConfig: { AdditionalVersionWeights: { [version]: percents / 100 } } }
  return { alias, version, share, body }
}

async function planMove(visit: Visit): Promise<PageAnswer> {
  const { functionName = '' } = visit.params
  const { alias, version, share, body } = readMove(visit.form)
  const change = { kind: 'lambda', operation: 'UpdateAlias', functionName, alias, body }
  const plan = await makePlan(visit, change)
  const weight = share === '100' ? '' : ` --weight ${Number(share) / 100}`
  const [name, to, number] = [functionName, alias, version].map(shellWord)
  return {
    kind: 'page',
    title: `Plan: ${functionName}:${alias} to version ${version}, ${share} %`,
    elsewhere: { cli: `lacre plan alias ${name} ${to} ${number}${weight}` },
    body: (
      <Planned
        plan={plan}
        csrf={visit.csrf}
        action={`/console/functions/${encodeURIComponent(functionName)}/move`}
        members={{ alias, version, share }}
        label="Commit this plan"
      />
    ),
  }
}

async function commitMove({ api, params, form }: Visit): Promise<PageAnswer> {
  const { functionName = '' } = params
  const { alias, body } = readMove(form)
  const { plan } = form
  if (plan === undefined)
    throw new PlatformError('INVALID_PARAMETER', 'a move is committed by its plan: show it first')
  await api.lambda('UpdateAlias', { FunctionName: functionName, Name: alias }, { body, plan })
  return { kind: 'moved', to: `/console/functions/${encodeURIComponent(functionName)}` }
}

function Timeline({ events }: { readonly events: readonly TimelineEvent[] }): Html {
  if (events.length === 0) return <p class="empty">Nothing yet.</p>
  return (
    <ol class="timeline">
      {events.map((event) => (
        <li>
          <p>
            <Time at={event.at} /> {event.kind === 'refusal' ? refusal(event) : change(event)}
          </p>
          {event.kind === 'change' && <Moves event={event} />}
          {event.decision !== null && <Decided decision={event.decision} />}
        </li>
      ))}
    </ol>
  )
}

function refusal({ failed }: Extract<TimelineEvent, { kind: 'refusal' }>): Child {
  return (
    <Fragment>
      <State>refused</State> <Text>{failed.join(', ')}</Text>
    </Fragment>
  )
}

function change({ action, principal }: Extract<TimelineEvent, { kind: 'change' }>): Child {
  return (
    <Fragment>
      {action ?? 'the service itself'}
      {principal !== null && (
        <Fragment>
          {' by '}
          <Text>{principal.name}</Text>
        </Fragment>
      )}
    </Fragment>
  )
}

function Moves({ event }: { readonly event: Extract<TimelineEvent, { kind: 'change' }> }): Html {
  return (
    <p>
      {event.slots.map(({ alias, from, to }, at) => (
        <Fragment>
          {at > 0 && '; '}
          <Text>{`${alias}: ${slot(from)} → ${slot(to)}`}</Text>
        </Fragment>
      ))}
      {event.more && ' and more'}
    </p>
  )
}

function slot(one: Slot | null): string {
  return one === null ? '–' : `${one.version} at ${percent(one.weight)}`
}

function Decided({ decision }: { readonly decision: ToldDecision }): Html {
  if (decision.withheld) return <p class="quiet">Its decision names what you may not read.</p>
  const { approvals = [], exceptions = [] } = decision
  return (
    <p class="quiet">
      {decision.outcome !== undefined && <State>{decision.outcome}</State>}{' '}
      <DecisionLink id={decision.id} />
      {approvals.map(({ id, requester, approvers }) => (
        <Fragment>
          {'; asked for by '}
          <Text>{requester}</Text>
          {', '}
          <a href={`/console/approvals/${encodeURIComponent(id)}`}>approved</a>
          {' by '}
          <Text>{approvers.join(', ')}</Text>
        </Fragment>
      ))}
      {exceptions.map((id) => (
        <Fragment>
          {'; '}
          <a href={`/console/break-glass/${encodeURIComponent(id)}`}>break-glass</a>
        </Fragment>
      ))}
    </p>
  )
}
