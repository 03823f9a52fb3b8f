import { LEDGER_BEGUN, LEDGER_SUCCEEDED, type LedgerEntry } from '../ledger/index.ts'
import type { Json } from '../model/index.ts'

/** What the first entry of a ledger says of itself and of the one before, which it quotes. */
export interface Link {
  /** The key was rotated: the ledger before is whole, and announced this one. Or it was given up. */
  readonly how: 'rotated' | 'recovered'
  readonly epoch: number
  readonly origin: string
  readonly verifierKey: string
  readonly previous: {
    readonly origin: string
    /** What is kept of it. */
    readonly size: number
    readonly root: string
    /** The last checkpoint known of it, a signed note: of one that was given up it may cover more than is kept. */
    readonly checkpoint: string | null
  }
}

type Members = Readonly<Record<string, Json | undefined>>

/** Undefined where the entry begins no ledger, or says of the one before less than it must. */
export function linkOf({ type, index, note }: LedgerEntry): Link | undefined {
  const { how, epoch, origin, verifierKey, previous } = membersOf(note)
  const before = membersOf(previous)
  const { size, root, checkpoint } = before
  if (type !== LEDGER_BEGUN || index !== 0) return undefined
  if ((how !== 'rotated' && how !== 'recovered') || typeof epoch !== 'number') return undefined
  if (typeof origin !== 'string' || typeof verifierKey !== 'string') return undefined
  if (typeof before['origin'] !== 'string' || typeof size !== 'number') return undefined
  if (typeof root !== 'string' || (typeof checkpoint !== 'string' && checkpoint !== null))
    return undefined
  return {
    how,
    epoch,
    origin,
    verifierKey,
    previous: { origin: before['origin'], size, root, checkpoint },
  }
}

/** Whether the last entry of a ledger announces the one that the link begins. */
export function announces(
  last: LedgerEntry | undefined,
  { origin, verifierKey }: Pick<Link, 'origin' | 'verifierKey'>,
): boolean {
  const named = membersOf(last?.note)
  return (
    last?.type === LEDGER_SUCCEEDED &&
    named['origin'] === origin &&
    named['verifierKey'] === verifierKey
  )
}

function membersOf(value: Json | undefined): Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Members)
    : {}
}
