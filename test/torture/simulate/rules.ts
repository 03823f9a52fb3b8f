import type { FreezeWindow } from '../../../services/model/index.ts'
import {
  freeze,
  liftFreeze,
  removeFloor,
  removeFreezeWindow,
  removePromotionRule,
  revoke,
  setFloor,
  setFreezeWindow,
  setPromotionRule,
} from '../../../services/operations/index.ts'
import { type Ground, HOUR_MS, DAY_MS } from './ground.ts'
import { OWNER } from './house.ts'
import { floorAfterRevocation, floorOf } from './oracle.ts'

const ZONES = ['UTC', 'Europe/Lisbon', 'America/New_York', 'Asia/Kolkata'] as const
const TIMES = ['00:00', '02:30', '08:00', '17:00', '23:00'] as const

/** What changes the rules: configs, freezes and windows, floors, promotions, revocations. */
export class Rules {
  readonly #on: Ground

  constructor(on: Ground) {
    this.#on = on
  }

  async enforce(on: boolean): Promise<void> {
    if (on === this.#on.known.enforced) return
    await this.#on.house.enforce(on)
    this.#on.known.enforced = on
    this.#on.note('config', on ? 'attached' : 'detached')
  }

  async toggleFreeze(): Promise<void> {
    const scope = this.#on.chance.pick([
      OWNER,
      `${OWNER}:${this.#on.prod}`,
      `${OWNER}:${this.#on.aliases[1]}`,
    ])
    await this.freeze(scope)
  }

  /** Freezes, or lifts. */
  async freeze(scope: string): Promise<void> {
    const { deps } = this.#on.house
    const by = this.#on.house.as('usr-ann')
    const freezes = new Set(this.#on.known.freezes)
    if (freezes.delete(scope)) await liftFreeze(deps, by, scope)
    else {
      await freeze(deps, by, { scope, reason: 'the simulation' })
      freezes.add(scope)
    }
    this.#on.known.freezes = freezes
    this.#on.note('freeze', `${scope} ${freezes.has(scope) ? 'frozen' : 'lifted'}`)
  }

  async toggleWindow(): Promise<void> {
    const { deps } = this.#on.house
    const by = this.#on.house.as('usr-ann')
    const [old] = this.#on.known.windows
    if (old !== undefined) {
      await removeFreezeWindow(deps, by, old.name)
      this.#on.known.windows = []
      this.#on.note('window', 'removed')
      return
    }
    const days = [1, 2, 3, 4, 5, 6, 7].filter(() => this.#on.chance.fraction() < 0.5)
    const window: FreezeWindow = {
      name: 'window',
      timeZone: this.#on.chance.pick(ZONES),
      scope: this.#on.chance.pick([OWNER, `${OWNER}:*`, `${OWNER}:${this.#on.prod}`]),
      ranges: [
        {
          kind: 'weekly',
          days: days.length === 0 ? [this.#on.chance.integer(1, 7)] : days,
          from: this.#on.chance.pick(TIMES),
          to: this.#on.chance.pick(TIMES),
        },
      ],
      holidays: [],
    }
    await setFreezeWindow(deps, by, window)
    this.#on.known.windows = [window]
    this.#on.note('window', JSON.stringify(window))
  }

  /** Set, set otherwise, or removed. */
  async changeFloor(): Promise<void> {
    const { deps } = this.#on.house
    const by = this.#on.house.as('usr-ann')
    const place = { functionName: OWNER, alias: this.#on.prod }
    const before = this.#on.known.floors.get(this.#on.prod)
    const floors = new Map(this.#on.known.floors)
    if (before !== undefined && this.#on.chance.fraction() < 0.3) {
      await removeFloor(deps, by, place)
      // What was let below goes with nothing: it belongs to the place.
      floors.delete(this.#on.prod)
      this.#on.known.floors = floors
      this.#on.note('floor', 'removed')
      return
    }
    const soakMs = this.#on.chance.integer(1, 72) * HOUR_MS
    const stored = floorOf(this.#on.known, this.#on.prod, this.#on.atMs)
    await setFloor(deps, by, { ...place, soakMs })
    const exceptions = before?.exceptions ?? []
    floors.set(this.#on.prod, { soakMs, ruledAtMs: this.#on.atMs, stored, exceptions })
    this.#on.known.floors = floors
    this.#on.note('floor', `soak ${soakMs / HOUR_MS} h`)
  }

  async togglePromotion(): Promise<void> {
    const { deps } = this.#on.house
    const by = this.#on.house.as('usr-ann')
    const scope = `${OWNER}:${this.#on.prod}`
    const promotions = new Map(this.#on.known.promotions)
    if (promotions.delete(this.#on.prod)) await removePromotionRule(deps, by, scope)
    else {
      const rule = {
        from: this.#on.aliases[1],
        soakMs: this.#on.chance.integer(1, 48) * HOUR_MS,
        endedWithinMs: this.#on.chance.pick([null, DAY_MS]),
      }
      await setPromotionRule(deps, by, { scope, ...rule })
      promotions.set(this.#on.prod, rule)
    }
    this.#on.known.promotions = promotions
    this.#on.note('promotion', JSON.stringify(promotions.get(this.#on.prod) ?? 'removed'))
  }

  async revoke(): Promise<void> {
    const sealed = [...this.#on.house.seals]
    const [version, digest] = this.#on.chance.pick(sealed)
    if (this.#on.known.revoked.some((one) => one.version === version)) return
    const recordedAtMs = this.#on.atMs
    const effectiveAtMs =
      recordedAtMs + this.#on.chance.pick([0, -HOUR_MS, -30 * DAY_MS, 5 * HOUR_MS])
    await revoke(this.#on.house.deps, this.#on.house.as('usr-ann'), {
      subject: { kind: 'seal', sha256: digest },
      effectiveAtMs,
      reason: 'the simulation',
    })
    const revoked = { version, effectiveAtMs, recordedAtMs }
    this.#on.known.revoked = [...this.#on.known.revoked, revoked]
    const floor = this.#on.known.floors.get(this.#on.prod)
    const stored = floorAfterRevocation(this.#on.known, this.#on.prod, revoked)
    if (floor !== undefined) this.#on.setFloor({ ...floor, stored })
    this.#on.note('revoke', JSON.stringify(revoked))
  }
}
