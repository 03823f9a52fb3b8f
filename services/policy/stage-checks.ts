import {
  toIsoTime,
  type DecisionCheck,
  type Facts,
  type FloorExceptionFact,
  type PromotionFact,
  type RisingShare,
  type StageFacts,
} from '../model/index.ts'
import { countersOf, judgeFloor, type FloorJudgement } from './floor.ts'

const WAIVED =
  'waived: the service found that this leaves what violates for what was good here before'
const HOUR_MS = 3_600_000

/**
 * Freezes, floors and promotion that an operator set: asked in every policy set, the default one too. Nothing where none
 * was set.
 */
export function* stageChecks(facts: Facts): Generator<DecisionCheck> {
  const { stage } = facts
  if (stage === undefined || facts.takesAway === true) return
  yield* freezeChecks(facts, stage)
  yield* floorChecks(facts, stage)
  yield* promotionChecks(stage)
}

function* freezeChecks(facts: Facts, { freezes, leaving }: StageFacts): Generator<DecisionCheck> {
  for (const { kind, name, reason } of freezes) {
    const what =
      kind === 'freeze' ? `\`${name}\` is frozen` : `the freeze window \`${name}\` is open`
    yield {
      rule: 'stage.freeze',
      subject: facts.resource,
      ...heldUp(leaving, { expected: 'no freeze on what changes', got: `${what}: ${reason}` }),
      fix:
        kind === 'freeze'
          ? `lift it (\`lacre stage unfreeze ${name}\`); deleting and disabling are never frozen`
          : 'wait until the window ends; deleting and disabling are never frozen',
    }
  }
}

function* promotionChecks({ promotions, leaving }: StageFacts): Generator<DecisionCheck> {
  for (const one of promotions) {
    const told = {
      expected: `${hours(one.soakMs)} wholly live in \`${one.from}\`, without a break (${one.rule})`,
      got: `${hours(one.soakedMs)} of this release`,
    }
    const met = isSoaked(one)
    yield {
      rule: 'stage.promotion',
      subject: one.subject,
      ...(met ? { status: 'passed' as const, ...told } : heldUp(leaving, told)),
      ...(met
        ? {}
        : { fix: `point \`${one.from}\` at this version, with no second one, and wait` }),
    }
  }
}

function heldUp(
  leaving: StageFacts['leaving'],
  told: { readonly expected: string; readonly got: string },
): Pick<DecisionCheck, 'status' | 'expected' | 'got'> {
  if (leaving === null) return { status: 'failed', ...told }
  return { status: 'skipped', expected: told.expected, got: `${told.got} (${WAIVED})` }
}

function* floorChecks(facts: Facts, stage: StageFacts): Generator<DecisionCheck> {
  for (const rising of stage.rising) {
    const judged = floorOf(facts, stage, rising)
    if (judged === undefined) continue
    const { floor, counter, outcome } = judged
    yield {
      rule: 'stage.floor',
      subject: rising.subject,
      status: outcome === 'below' ? 'failed' : outcome === 'above' ? 'passed' : 'skipped',
      expected: `release counter ${floor.counter} or above of \`${floor.publisher}\` in \`${floor.place}\` (${floor.why})`,
      got: outcome === 'excepted' ? excepted(counter, judged.exception) : counter,
      ...(outcome === 'below' && {
        fix: `a true rollback wants an exception: \`lacre stage except ${floor.place}\``,
      }),
    }
  }
}

function excepted(counter: string, { id, expiresAtMs }: FloorExceptionFact): string {
  return `${counter}, let through by ${id} until ${toIsoTime(expiresAtMs)}`
}

function floorOf(facts: Facts, stage: StageFacts, rising: RisingShare): FloorJudgement | undefined {
  const code = facts.subjects.find(({ kind, arn }) => kind === 'function' && arn === rising.subject)
  return judgeFloor(
    stage.floors.filter(({ place }) => place === rising.place),
    stage.floorExceptions.filter(({ place }) => place === rising.place),
    {
      release: rising.release,
      // A share of what is no subject has no seal that anybody judged: it counts 0.
      counters: code === undefined ? new Map() : countersOf(code),
    },
  )
}

/** Whether any rising release is below a floor, and the highest floor that is asked about. */
export function floorState(facts: Facts): {
  readonly required: boolean
  readonly met: boolean
  readonly counter: string
} {
  const { stage } = facts
  const judged =
    stage?.rising
      .map((rising) => floorOf(facts, stage, rising))
      .filter((one) => one !== undefined) ?? []
  const counters = judged.map(({ floor }) => BigInt(floor.counter))
  const highest = counters.reduce((one, other) => (one > other ? one : other), 0n)
  return {
    required: judged.length > 0,
    met: judged.every(({ outcome }) => outcome !== 'below'),
    counter: String(highest),
  }
}

export function isSoaked({ soakMs, soakedMs }: PromotionFact): boolean {
  return soakedMs >= soakMs
}

function hours(ms: number): string {
  return `${Math.floor((ms / HOUR_MS) * 100) / 100} h`
}
