import type { CedarValueJson } from '@cedar-policy/cedar-wasm/nodejs'

import type { Facts } from '../model/index.ts'
import { countersOf } from './floor.ts'
import { floorState, isSoaked } from './stage-checks.ts'

const HOUR_MS = 3_600_000
/** JSON numbers are exact up to here; counters above are shown to policies as this. */
const COUNTER_SHOWN_MAX = BigInt(Number.MAX_SAFE_INTEGER)

type Members = Readonly<Record<string, CedarValueJson>>

/** What policies may read of stages; every member is always there. */
export function stageContext(facts: Facts): Members {
  const { stage } = facts
  const promotions = stage?.promotions ?? []
  // The one that is furthest from what it demands.
  const [last] = promotions.toSorted(
    (one, other) => one.soakedMs - one.soakMs - (other.soakedMs - other.soakMs),
  )
  const floor = floorState(facts)
  return {
    leaving: (stage?.leaving?.to ?? []).length > 0,
    // Fail closed: a function of which nobody looked is open to all.
    reach:
      stage?.reach ?? (facts.subjects.some(({ kind }) => kind === 'function') ? 'all' : 'none'),
    counter: shown(lowestCounter(facts)),
    floor: { required: floor.required, met: floor.met, counter: shown(BigInt(floor.counter)) },
    freeze: {
      active: (stage?.freezes ?? []).length > 0,
      names: [...new Set((stage?.freezes ?? []).map(({ name }) => name))].toSorted(),
    },
    promotion: {
      required: promotions.length > 0,
      met: promotions.every(isSoaked),
      from: last?.from ?? '',
      soakedHours: last === undefined ? 0 : Math.floor(last.soakedMs / HOUR_MS),
    },
  }
}

/** More than any policy asks for. */
const ALL_APPROVED = 1_000_000

/** The context as it would be unfrozen, soaked and approved: what a move away from a violation is judged by. */
export function waivedContext(context: Members): Members {
  return {
    ...context,
    freeze: { active: false, names: [] },
    promotion: { required: false, met: true, from: '', soakedHours: 0 },
    approvals: {
      count: ALL_APPROVED,
      apartFromDeployer: ALL_APPROVED,
      apartFromSigner: ALL_APPROVED,
      apartFromBoth: ALL_APPROVED,
      share: { __extn: { fn: 'decimal', arg: '0.0000' } },
    },
  }
}

/** Members that a policy may not hold a leaving move up by. */
export const WAIVED_MEMBERS: readonly string[] = ['freeze', 'promotion', 'approvals']

/** Of every function's code that would run, the highest counter of its trusted seals; of these the lowest. */
function lowestCounter({ subjects }: Facts): bigint {
  const counters = subjects
    .filter(({ kind }) => kind === 'function')
    .map((code) => [...countersOf(code).values()].map(BigInt))
    .map((all) => all.reduce((one, other) => (one > other ? one : other), 0n))
  const [first] = counters
  return first === undefined ? 0n : counters.reduce((one, other) => (one < other ? one : other))
}

function shown(counter: bigint): number {
  return Number(counter < COUNTER_SHOWN_MAX ? counter : COUNTER_SHOWN_MAX)
}
