import { PlatformError, type ConcurrencyCap } from '../model/index.ts'

/** AWS's terms: what is set aside for the version, what goes beyond that, and what a version uses that has nothing set aside. */
export type ConcurrencyUsed = 'provisioned' | 'spillover' | 'unprovisioned'

/** Invocations in flight by function and version, counted against what is reserved. */
export class Slots {
  readonly #inFlight = new Map<string, Map<string, number>>()

  /**
   * Takes a place, which `leave` gives back.
   * @throws PlatformError TOO_MANY_REQUESTS where the function's reserved concurrency is used up
   */
  enter(
    functionId: string,
    version: string,
    cap: ConcurrencyCap | undefined,
  ): { readonly leave: () => void; readonly used: ConcurrencyUsed } {
    const versions = this.#inFlight.get(functionId) ?? new Map<string, number>()
    if (
      cap?.reserved !== undefined &&
      !hasRoom(versions, version, { ...cap, reserved: cap.reserved })
    )
      throw reservedUsedUp()
    this.#inFlight.set(functionId, versions)
    const before = versions.get(version) ?? 0
    versions.set(version, before + 1)
    const leave = (): void => {
      const left = (versions.get(version) ?? 1) - 1
      if (left > 0) versions.set(version, left)
      else versions.delete(version)
      if (versions.size === 0) this.#inFlight.delete(functionId)
    }
    return { leave, used: usedOf(before, cap?.provisioned.get(version) ?? 0) }
  }

  /** How many of a version are in flight. */
  count(functionId: string, version: string): number {
    return this.#inFlight.get(functionId)?.get(version) ?? 0
  }
}

function usedOf(inFlight: number, provisioned: number): ConcurrencyUsed {
  if (provisioned === 0) return 'unprovisioned'
  return inFlight < provisioned ? 'provisioned' : 'spillover'
}

/** Whether a version's invocations are refused whatever is in flight: switched off, or all is set aside for others. */
export function isSwitchedOff(version: string, cap: ConcurrencyCap): boolean {
  return (
    cap.reserved !== undefined && !hasRoom(new Map(), version, { ...cap, reserved: cap.reserved })
  )
}

/** A version's own places first, then what of the reserved ones nobody has set aside. */
function hasRoom(
  inFlight: ReadonlyMap<string, number>,
  version: string,
  cap: { readonly reserved: number; readonly provisioned: ReadonlyMap<string, number> },
): boolean {
  const own = cap.provisioned.get(version) ?? 0
  if ((inFlight.get(version) ?? 0) < own) return true
  let shared = cap.reserved
  for (const count of cap.provisioned.values()) shared -= count
  for (const [other, count] of inFlight)
    shared -= Math.max(0, count - (cap.provisioned.get(other) ?? 0))
  return shared > 0
}

/** As recorded. */
export function reservedUsedUp(): PlatformError {
  return new PlatformError('TOO_MANY_REQUESTS', 'Rate Exceeded.', {
    detail: { reason: 'ReservedFunctionConcurrentInvocationLimitExceeded' },
  })
}
