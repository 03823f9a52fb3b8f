import { canonicalJson, limits, parseStrictJson, type Json } from '../model/index.ts'

/** The last entry of a ledger whose key is rotated: it names the ledger that goes on. */
export const LEDGER_SUCCEEDED = 'ledger.succeeded'
/** The first entry of every ledger but the first one of an installation: it quotes the one before. */
export const LEDGER_BEGUN = 'ledger.begun'

/** What one row is after the entry: the SHA-256 of its canonical JSON, or null where it was deleted. */
export interface EntryChange {
  readonly table: string
  readonly key: Readonly<Record<string, string | number>>
  readonly sha256: string | null
}

/** CONTRACTS "Ledger entry": the leaf is its canonical JSON. */
export interface LedgerEntry {
  readonly v: 1
  /** What kind of event: `decision`, `refusal`, `activation`, `key.created` … */
  readonly type: string
  readonly origin: string
  readonly index: number
  /** Milliseconds; never before the entry in front. */
  readonly at: number
  readonly principal: { readonly id: string; readonly kind: string; readonly name: string }
  readonly action: string
  readonly resource: string
  readonly decision: { readonly id: string; readonly digest: string } | null
  readonly world: number
  readonly changes: readonly EntryChange[]
  readonly note?: Json
}

const MEMBERS = 'v type origin index at principal action resource decision world changes'.split(' ')

/** The entry that these bytes are, or undefined where they are not exactly the canonical form of one. */
export function parseEntry(body: string): LedgerEntry | undefined {
  if (Buffer.byteLength(body) > limits.LEDGER_ENTRY_LIMIT_BYTES) return undefined
  let value: Json
  try {
    value = parseStrictJson(Buffer.from(body))
    if (canonicalJson(value) !== body) return undefined
  } catch {
    return undefined
  }
  if (!isObject(value)) return undefined
  const names = Object.keys(value).filter((name) => name !== 'note')
  if (names.length !== MEMBERS.length || MEMBERS.some((name) => !names.includes(name)))
    return undefined
  const sound =
    value['v'] === 1 &&
    isCount(value['index']) &&
    isCount(value['at']) &&
    typeof value['origin'] === 'string' &&
    Array.isArray(value['changes']) &&
    value['changes'].every(isChange)
  return sound ? (value as unknown as LedgerEntry) : undefined
}

function isChange(value: Json): boolean {
  if (!isObject(value)) return false
  const { table, key, sha256 } = value
  return (
    typeof table === 'string' &&
    isObject(key) &&
    Object.values(key).every((part) => typeof part === 'string' || typeof part === 'number') &&
    (sha256 === null || (typeof sha256 === 'string' && /^[0-9a-f]{64}$/.test(sha256)))
  )
}

function isObject(value: Json | undefined): value is { readonly [name: string]: Json | undefined } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isCount(value: Json | undefined): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
