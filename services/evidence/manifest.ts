import {
  PlatformError,
  canonicalJson,
  parseIsoTime,
  parsePlace,
  parseStrictJson,
  toIsoTime,
  type Json,
} from '../model/index.ts'
import type { Hash } from '../ledger/index.ts'
import type { EarlierHead, EvidenceHead, EvidenceRange, LedgerHead } from './head.ts'
import { isOneRange } from './places.ts'
import { ENTRY_MODES } from './scope.ts'

/** Files of an archive with a fixed name. */
export const PATHS = {
  manifest: 'manifest.json',
  readme: 'README.md',
  reportHtml: 'report.html',
  reportJson: 'report.json',
  checkpoint: 'ledger/checkpoint',
  logKey: 'ledger/log-key.vkey',
  logKeyPem: 'ledger/log-key.pem',
  checkpoints: 'ledger/checkpoints.jsonl',
  range: 'ledger/range.jsonl',
  rows: 'rows.jsonl',
} as const

export interface Manifest extends EvidenceHead {
  /** SHA-256 of every other file, by its path. */
  readonly files: ReadonlyMap<string, string>
}

const KIND = 'lacre evidence'
/** Earlier ledgers in one archive. */
export const LEDGERS_LIMIT = 100

export function formatManifest({ files, ...head }: Manifest): string {
  const { scope, artifacts, origin, size, range, earlier } = head
  const { place, functionName, alias, entries } = scope
  return canonicalJson({
    v: earlier.length === 0 ? 1 : 2,
    kind: KIND,
    account: place.account,
    region: place.region,
    functionName,
    alias,
    from: toIsoTime(scope.fromMs),
    to: toIsoTime(scope.toMs),
    entries,
    artifacts,
    origin,
    size,
    range: { ...range },
    ...(earlier.length > 0 && {
      earlier: earlier.map((one) => ({ ...one, range: { ...one.range } })),
    }),
    files: Object.fromEntries(files),
  })
}

/** @throws PlatformError INVALID_PARAMETER where these bytes are no manifest in its one form */
export function parseManifest(bytes: Uint8Array): Manifest {
  try {
    const manifest = toManifest(parseStrictJson(bytes))
    if (formatManifest(manifest) === Buffer.from(bytes).toString('utf8')) return manifest
  } catch (cause) {
    throw refuse(cause)
  }
  throw refuse()
}

function toManifest(value: Json): Manifest {
  const members = value as Readonly<Record<string, Json>>
  const text = (name: string): string => {
    const member = members[name]
    if (typeof member !== 'string') throw refuse()
    return member
  }
  const instant = (name: string): number => {
    const ms = parseIsoTime(text(name))
    if (ms === undefined) throw refuse()
    return ms
  }
  const entries = ENTRY_MODES.find((mode) => mode === text('entries'))
  const functionName = text('functionName')
  const alias = text('alias')
  const named =
    /^[a-zA-Z0-9-_]{1,64}$/.test(functionName) && /^(?:\$LATEST|[a-zA-Z0-9-_]{1,128})$/.test(alias)
  const { artifacts } = members
  if (members['kind'] !== KIND || entries === undefined || !named) throw refuse()
  if (typeof artifacts !== 'boolean') throw refuse()
  const head = {
    scope: {
      place: parsePlace(text('account'), text('region')),
      functionName,
      alias,
      fromMs: instant('from'),
      toMs: instant('to'),
      entries,
    },
    artifacts,
    ...toLedger(members),
    earlier: toEarlier(members['earlier'] ?? []),
  }
  if (!isOneRange(head)) throw refuse()
  return { ...head, files: toFiles(members['files'] ?? null) }
}

function toLedger({ origin, size, range }: Readonly<Record<string, Json>>): LedgerHead {
  if (typeof origin !== 'string' || !isCount(size)) throw refuse()
  return { origin, size, range: toRange(range ?? null, size) }
}

function toEarlier(value: Json): EarlierHead[] {
  if (!Array.isArray(value) || value.length > LEDGERS_LIMIT) throw refuse()
  const heads = (value as readonly Json[]).map((one) => {
    const members = one as Readonly<Record<string, Json>>
    const { epoch } = members
    const ledger = toLedger(members)
    if (!isCount(epoch) || epoch === 0 || ledger.size === 0) throw refuse()
    return { epoch, ...ledger }
  })
  if (heads.some(({ epoch }, at) => epoch !== (heads[0]?.epoch ?? 0) + at)) throw refuse()
  return heads
}

function toRange(value: Json, size: number): EvidenceRange {
  const { first, end, frontier, consistency } = value as Readonly<Record<string, Json>>
  if (!isCount(first) || !isCount(end) || first > end || end > size) throw refuse()
  return { first, end, frontier: toHashes(frontier), consistency: toHashes(consistency) }
}

function toHashes(value: Json | undefined): Hash[] {
  if (!Array.isArray(value)) throw refuse()
  return (value as readonly Json[]).map(toHash)
}

function toFiles(value: Json): ReadonlyMap<string, string> {
  const files = Object.entries(value as Readonly<Record<string, Json>>)
  return new Map(files.map(([path, digest]) => [path, toHash(digest)]))
}

function toHash(value: Json): string {
  if (typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)) return value
  throw refuse()
}

function isCount(value: Json | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function refuse(cause?: unknown): PlatformError {
  return new PlatformError(
    'INVALID_PARAMETER',
    `\`${PATHS.manifest}\` is no manifest of evidence`,
    {
      cause,
    },
  )
}
