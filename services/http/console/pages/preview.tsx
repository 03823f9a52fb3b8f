import type { JsonObject } from '../../lambda/handler.ts'
import { Fragment, h, type Html } from '../markup.ts'
import type { Visit } from '../page.ts'
import { Notice, Text } from '../parts.tsx'
import { LiveTable, type LiveRow } from './live.tsx'
import { PlanEffects, tryPlan, type PlanAnswer } from './plan.tsx'

interface Move {
  readonly functionName: string
  readonly alias: string
  readonly version: string
  /** All of it where not given. */
  readonly weight?: number
}

interface MovePreview {
  readonly live: readonly LiveRow[]
  /** Or why there is none. */
  readonly plan: PlanAnswer | string
  readonly nowMs: number
}

/** What an alias serves now, and what a move of it would change, as if whoever reads this made it at once. */
export async function previewOf(visit: Visit, move: Move): Promise<MovePreview> {
  const { functionName, alias, version, weight = 1 } = move
  const found = await visit.api.getIfAllowed<{ readonly live: readonly LiveRow[] }>('/live', {
    query: { functionName, names: 'aliases', limit: '500' },
  })
  const body: JsonObject =
    weight === 1
      ? { FunctionVersion: version, RoutingConfig: { AdditionalVersionWeights: {} } }
      : { RoutingConfig: { AdditionalVersionWeights: { [version]: weight } } }
  const change = { kind: 'lambda', operation: 'UpdateAlias', functionName, alias, body }
  return {
    live: (found?.live ?? []).filter((row) => row.alias === alias),
    plan: await tryPlan(visit, change),
    nowMs: visit.nowMs,
  }
}

export function Preview({ preview }: { readonly preview: MovePreview }): Html {
  const { live, plan, nowMs } = preview
  const denied =
    typeof plan !== 'string' && plan.decisions.some(({ outcome }) => outcome === 'deny')
  return (
    <Fragment>
      <h2>What will change</h2>
      <LiveTable rows={live} nowMs={nowMs} caption="What the alias serves now" />
      {typeof plan === 'string' ? (
        <Notice tone="open">
          <p>
            {'There is no plan of it: '}
            <Text>{plan}</Text>
          </p>
        </Notice>
      ) : (
        <Fragment>
          <p>Planned as if you made the move now.</p>
          {denied && (
            <Notice tone="open">
              <p>Made by you and now, it would be refused; the reasons stand with the effects.</p>
            </Notice>
          )}
          <PlanEffects plan={plan} />
        </Fragment>
      )}
    </Fragment>
  )
}
