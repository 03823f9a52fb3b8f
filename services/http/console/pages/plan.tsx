import type { Decision, DecisionCheck } from '../../../model/index.ts'
import { PlatformError } from '../../../model/index.ts'
import type { JsonObject } from '../../lambda/handler.ts'
import { Fragment, h, type Child, type Html } from '../markup.ts'
import { type Visit } from '../page.ts'
import { Hidden, Notice, State, Table, Text, Time } from '../parts.tsx'
import { ChecksTable } from './checks.tsx'
import { percent } from './words.ts'

interface Effect {
  readonly kind: string
  readonly functionName: string
  readonly alias: string
  readonly role: string
  readonly version: string
  readonly toVersion?: string
  readonly weight: number
  readonly now: { readonly outcome: string; readonly verdict: string }
  readonly after: { readonly outcome: string; readonly verdict: string }
  readonly why: readonly DecisionCheck[]
}

/** The answer of `POST /plans`. */
export interface PlanAnswer {
  readonly hash: string | null
  readonly expiresAt: string | null
  readonly decisions: readonly Decision[]
  readonly effects: {
    readonly judged: number
    readonly unaffected: number
    readonly affected: readonly Effect[]
    readonly leftOut: number
    readonly notReadable: number
  }
}

export async function makePlan(
  { api }: Pick<Visit, 'api'>,
  change: JsonObject,
): Promise<PlanAnswer> {
  const { body } = await api.call('POST /plans', { body: { change } })
  return body as unknown as PlanAnswer
}

/** The same where it only helps to understand: why there is none is said in its place. */
export async function tryPlan(
  visit: Pick<Visit, 'api'>,
  change: JsonObject,
): Promise<PlanAnswer | string> {
  try {
    return await makePlan(visit, change)
  } catch (error) {
    if (error instanceof PlatformError && error.code !== 'INTERNAL') return error.publicMessage
    throw error
  }
}

/** What of all that is live would change, and how it would be judged. */
export function PlanEffects({ plan }: { readonly plan: PlanAnswer }): Html {
  const { judged, unaffected, affected, leftOut, notReadable } = plan.effects
  return (
    <Fragment>
      <p>
        {`${judged} versions behind names were judged; ${unaffected} stay as they are.`}
        {leftOut > 0 && ` ${leftOut} more are affected than are listed.`}
        {notReadable > 0 && ` ${notReadable} more are affected that you may not read.`}
      </p>
      <Table
        caption={`Affected: ${affected.length}`}
        rows={affected}
        empty="nothing that is live"
        columns={[
          { head: 'Name', cell: (row) => <Text>{`${row.functionName}:${row.alias}`}</Text> },
          { head: 'What', cell: ({ kind }) => <State>{kind}</State> },
          { head: 'As', cell: ({ role }) => role },
          { head: 'Version', cell: (row) => versions(row) },
          { head: 'Share', cell: ({ weight }) => percent(weight) },
          { head: 'Now', cell: ({ now }) => side(now) },
          { head: 'Then', cell: ({ after }) => side(after) },
          { head: 'Why', cell: ({ why }) => <Why checks={why} /> },
        ]}
      />
    </Fragment>
  )
}

function versions({ version, toVersion }: Effect): string {
  return toVersion === undefined ? version : `${version} → ${toVersion}`
}

function side({ outcome, verdict }: Effect['now']): Child {
  return (
    <Fragment>
      <State>{outcome}</State>
      {` ${verdict}`}
    </Fragment>
  )
}

function Why({ checks }: { readonly checks: readonly DecisionCheck[] }): Html {
  return (
    <Fragment>
      {checks.map(({ rule, got }) => (
        <p>
          <Text>{`${rule}: ${got}`}</Text>
        </p>
      ))}
    </Fragment>
  )
}

interface PlannedProps {
  readonly plan: PlanAnswer
  readonly csrf: string
  /** Where the change is sent to, with everything it consists of. */
  readonly action: string
  readonly members: Readonly<Record<string, string | undefined>>
  readonly label: string
  readonly grave?: boolean
}

/** A plan with the button that commits exactly it, where it can be committed. */
export function Planned({ plan, csrf, action, members, label, grave }: PlannedProps): Html {
  const denied = plan.decisions.filter(({ outcome }) => outcome === 'deny')
  return (
    <Fragment>
      {denied.length > 0 && (
        <Notice tone="bad">
          <p>This would be refused. Nothing can be committed.</p>
        </Notice>
      )}
      <PlanEffects plan={plan} />
      {plan.decisions.map(({ checks, outcome }) => (
        <ChecksTable checks={checks} caption={`How it would be decided: ${outcome}`} />
      ))}
      {plan.hash === null ? (
        <p>There is nothing to commit.</p>
      ) : (
        <form method="post" action={action}>
          <Hidden csrf={csrf} members={{ ...members, plan: plan.hash }} />
          <p>
            {'It commits this and nothing else, until '}
            <Time at={plan.expiresAt} />; whatever changes meanwhile stops it.
          </p>
          <button type="submit" class={grave === true ? 'grave' : 'first'}>
            {label}
          </button>
        </form>
      )}
    </Fragment>
  )
}
