import { PlatformError } from '../../../services/model/index.ts'
import type { Seeded } from '../seeded.ts'
import type { House } from './house.ts'
import type { Known, SimFloor } from './oracle.ts'

export const MINUTE_MS = 60_000
export const HOUR_MS = 3_600_000
export const DAY_MS = 86_400_000

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] }

/** What a rule says otherwise than the service does. */
export class Contradiction extends Error {
  override readonly name = 'Contradiction'
}

/** What all events of one seed stand on: the service, chance, what is known of both, and what was told. */
export class Ground {
  readonly trace: string[] = []
  /** What happened, by kind. */
  readonly counts = new Map<string, number>()
  readonly house: House
  readonly chance: Seeded
  readonly known: Mutable<Known>
  /** The aliases of this seed: one that is promoted into, and the one before it. */
  readonly aliases: readonly [string, string]

  constructor(house: House, chance: Seeded, of: { readonly name: string; readonly known: Known }) {
    this.house = house
    this.chance = chance
    this.aliases = [`prod-${of.name}`, `stage-${of.name}`]
    this.known = { ...of.known }
  }

  get atMs(): number {
    return this.house.deps.clock.nowMs()
  }

  get prod(): string {
    return this.aliases[0]
  }

  note(kind: string, text: string): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1)
    this.trace.push(`${new Date(this.atMs).toISOString()} ${kind} ${text}`)
  }

  /** Just before an end, at it, or just after. */
  waitUntil(endMs: number): void {
    const untilMs = endMs + this.chance.integer(-1, 1)
    this.house.api.clock.advance(Math.max(1, untilMs - this.atMs))
  }

  setFloor(floor: SimFloor): void {
    this.known.floors = new Map([...this.known.floors, [this.prod, floor]])
  }
}

/** The code that it was refused with. */
export async function codeFrom(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work
    return undefined
  } catch (error) {
    if (error instanceof PlatformError) return error.code
    throw error
  }
}
