import { functionArn, type Place } from '../model/index.ts'
import { LEDGER_BEGUN, type LedgerEntry } from '../ledger/index.ts'

/**
 * Which entries of the ledger an archive holds whole. `own`: those about the alias; of the others in the window their
 * leaf hashes. `window`: every one of the window. `opening`: every one since the oldest of what was live at its start began.
 */
export const ENTRY_MODES = ['own', 'window', 'opening'] as const
export type EntryMode = (typeof ENTRY_MODES)[number]

/** What evidence is about: an alias, from an instant up to but without another. */
export interface EvidenceScope {
  readonly place: Place
  readonly functionName: string
  readonly alias: string
  readonly fromMs: number
  readonly toMs: number
  readonly entries: EntryMode
}

/**
 * Tables whose rows evidence holds, with the columns that name a row: those of the ledger's own table. None of them has
 * a value of an environment variable, a key or a token.
 */
export const EVIDENCE_TABLES: Readonly<Record<string, readonly string[]>> = {
  live_interval: ['id'],
  artifact: ['code_sha256'],
  detached_seal: ['artifact_sha256', 'seal_digest'],
  attestation: ['artifact_sha256', 'digest'],
  publisher: ['id'],
  publisher_version: ['publisher_id', 'version'],
  revocation: ['id'],
  code_signing_config: ['id'],
  signing_requirement: ['config_id'],
  signer_owner: ['signer'],
  policy_set: ['kind', 'version'],
  approval_request: ['id'],
  approval: ['request_id', 'principal_id'],
  break_glass: ['id'],
  freeze: ['scope'],
  freeze_window: ['name'],
  promotion_rule: ['scope'],
  floor_rule: ['function_name', 'alias'],
  floor: ['function_name', 'alias', 'publisher'],
  floor_exception: ['id'],
  function_reach: ['function_name'],
}

/** Rows that are never deleted: a change of one in the window has its row in the archive, or the archive lacks it. */
export const LASTING_TABLES: readonly string[] = [
  'live_interval',
  'publisher',
  'publisher_version',
  'revocation',
  'policy_set',
]

/** What governs every alias: whoever changes these changes the ground that this one stands on. */
const GROUND_TABLES: ReadonlySet<string> = new Set([
  'policy_set',
  'publisher',
  'publisher_version',
  'revocation',
  'code_signing_config',
  'signing_requirement',
  'freeze_window',
])

/**
 * When the oldest ledger at hand took over from another one, by its first entry; undefined where it was the first: nothing
 * inside says anything of what was before.
 */
export function succeededAt({ index, type, at }: LedgerEntry): number | undefined {
  return index === 0 && type === LEDGER_BEGUN ? at : undefined
}

/** Weights are written as decimal fractions, of which one is what the other leaves. */
const WEIGHT_TOLERANCE = 1e-9

/**
 * Whether versions with these weights took all calls of an alias between them: then no other one was live with them. Only
 * so does `opening` begin where the oldest of them did; else it begins with the ledger.
 */
export function isWhole(weights: readonly number[]): boolean {
  return Math.abs(weights.reduce((all, one) => all + one, 0) - 1) < WEIGHT_TOLERANCE
}

/** Of an entry what decides whether it is the alias's own. */
type Told = Pick<LedgerEntry, 'resource' | 'changes'>

/**
 * Whether an entry is about the alias: about it by name, about its function or a version, a change of what was live in it
 * (`intervals` are the ids of its rows), or of what governs every alias.
 */
export function isOwn(
  scope: Pick<EvidenceScope, 'place' | 'functionName' | 'alias'>,
  { resource, changes }: Told,
  intervals: ReadonlySet<number>,
): boolean {
  return (
    isAbout(scope, resource) ||
    changes.some(({ table }) => GROUND_TABLES.has(table)) ||
    changes.some(({ table, key }) => table === 'live_interval' && intervals.has(Number(key['id'])))
  )
}

function isAbout(
  { place, functionName, alias }: Pick<EvidenceScope, 'place' | 'functionName' | 'alias'>,
  resource: string,
): boolean {
  const arn = functionArn(place, functionName)
  if (resource === arn) return true
  if (!resource.startsWith(`${arn}:`)) return false
  const qualifier = resource.slice(arn.length + 1)
  return qualifier === alias || /^(?:\d+|\$LATEST)$/.test(qualifier)
}
