import { newestCheckpoint } from '../audit/index.ts'
import type { BlobSource } from '../blobs/index.ts'
import { ENTRY_MODES, type EntryMode, type EvidenceScope } from '../evidence/index.ts'
import {
  gatherEvidence,
  saysOtherwise,
  writeEvidence,
  type Gathered,
} from '../evidence-export/index.ts'
import { EVERYTHING, PlatformError, type SealInput, type Sha256 } from '../model/index.ts'
import type { Reader, Store } from '../store/index.ts'
import { mayReadAll, objectsNamed } from './access/readable.ts'
import type { Caller, Deps } from './context.ts'

/** How often all is gathered anew where the ledger went on within the window meanwhile. */
const TRIES = 5

export interface EvidenceRequest {
  readonly functionName: string
  readonly alias: string
  readonly fromMs: number
  /** Without one, up to now. */
  readonly toMs: number | undefined
  readonly entries: EntryMode
  readonly withArtifacts: boolean
  /** Sizes of checkpoints that the caller keeps. */
  readonly checkpointSizes: readonly number[]
}

/** A finished archive, which has no name any more: it is gone when whoever reads it lets go of it. */
export type EvidenceFile = BlobSource

/** One at a time: gathering holds one of the few snapshots for as long as the window is. */
const exporting = new WeakSet<Store>()

/**
 * An archive of what was live in an alias, and by which decisions: for whoever may read everything that it names.
 * @throws PlatformError INVALID_PARAMETER (the window; too much for one archive), FUNCTION_NOT_FOUND, ACCESS_DENIED,
 * TOO_MANY_REQUESTS (another one is being made), LEDGER_BROKEN, OUT_OF_SPACE
 */
export async function exportEvidence(
  deps: Deps,
  caller: Caller,
  request: EvidenceRequest,
): Promise<EvidenceFile> {
  refuseWindow(deps, request)
  await refuseReader(deps, caller, request)
  if (exporting.has(deps.store))
    throw new PlatformError('TOO_MANY_REQUESTS', 'another export is being made: try again')
  exporting.add(deps.store)
  try {
    const { gathered, note } = await gatherUnder(deps, caller, request)
    return await write(deps, request, { gathered, note })
  } finally {
    exporting.delete(deps.store)
  }
}

function refuseWindow({ clock }: Deps, { fromMs, toMs, entries }: EvidenceRequest): void {
  const now = clock.nowMs()
  if (toMs !== undefined && toMs > now)
    throw new PlatformError('INVALID_PARAMETER', '`to` lies in the future')
  if (fromMs >= (toMs ?? now + 1))
    throw new PlatformError('INVALID_PARAMETER', '`from` is not before `to`')
  if (!ENTRY_MODES.includes(entries))
    throw new PlatformError('INVALID_PARAMETER', `\`entries\` is one of ${ENTRY_MODES.join(', ')}`)
}

/** Whole entries of others, and what was live in their functions, are for whoever reads the ledger and the live set. */
async function refuseReader(
  deps: Deps,
  { principal }: Caller,
  { entries }: EvidenceRequest,
): Promise<void> {
  const wanted = [
    'lacre:ListRevocations',
    ...(entries === 'own' ? [] : ['lacre:ReadLedger', 'lacre:ReadLive']),
  ]
  for (const action of wanted) await deps.access.authorize(principal, action, EVERYTHING)
}

/** Rows and entries of one moment, and a checkpoint over them: nothing of the window may have come in between. */
async function gatherUnder(
  deps: Deps,
  caller: Caller,
  request: EvidenceRequest,
): Promise<{ readonly gathered: Gathered; readonly note: string }> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const gathered = await deps.store.snapshot(async (reader) =>
      gatherEvidence(reader, await scopeOf(deps, reader, request), {
        sealsOf: (codeSha256) => sealsIn(deps, codeSha256),
        schemaOf: (digest) => shippedSchema(deps, digest),
      }),
    )
    await refuseUnreadable(deps, caller, gathered)
    await deps.audit.checkpoint()
    const signed = await newestCheckpoint(deps.store.reader)
    const { chain } = gathered
    if (signed === undefined || signed.size < chain.newest.size) continue
    const size = chain.newest.base + signed.size
    if (gathered.end === size || gathered.indexes.includes(gathered.end))
      return { gathered, note: signed.note }
    const { entry } = await chain.over(deps.store.reader).entryAt(gathered.end)
    // It came meanwhile, and is inside too: no row may be older than it says.
    if (entry.at < gathered.scope.toMs || saysOtherwise(entry, gathered.rows)) continue
    const indexes = [...gathered.indexes, gathered.end]
    return { gathered: { ...gathered, indexes }, note: signed.note }
  }
  throw new PlatformError(
    'RESOURCE_CONFLICT',
    'the ledger goes on within the window: name a `to` that has passed',
  )
}

/** Code that was damaged since has no seals to show: verification says which it misses, and why is in the log. */
async function sealsIn(deps: Deps, codeSha256: Sha256): Promise<readonly SealInput[]> {
  try {
    return (await deps.examiner.stored(codeSha256)).seals
  } catch (error) {
    deps.log.error({ codeSha256, err: error }, 'the seals of an artifact cannot be exported')
    return []
  }
}

async function scopeOf(
  { place, clock }: Deps,
  reader: Reader,
  { functionName, alias, fromMs, toMs, entries }: EvidenceRequest,
): Promise<EvidenceScope> {
  const head = await reader.selectFrom('ledger_head').select('last_at').executeTakeFirst()
  const newest = Math.max(clock.nowMs(), head?.last_at ?? 0)
  return { place, functionName, alias, fromMs, toMs: toMs ?? newest + 1, entries }
}

/** RULES §10: what names something that the caller may not read is not for him. */
async function refuseUnreadable(deps: Deps, caller: Caller, gathered: Gathered): Promise<void> {
  const named = new Map(
    gathered.facts.flatMap(objectsNamed).map((object) => [JSON.stringify(object), object]),
  )
  if (await mayReadAll(deps, caller, [...named.values()])) return
  throw new PlatformError(
    'ACCESS_DENIED',
    'the evidence names something that you may not read: it wants `read` on all of it',
  )
}

function shippedSchema({ policies }: Deps, digest: string): string | undefined {
  return policies.schemaSha256('admission') === digest
    ? policies.shipped('admission').schema
    : undefined
}

async function write(
  { store, blobs, audit }: Deps,
  { withArtifacts, checkpointSizes }: EvidenceRequest,
  made: { readonly gathered: Gathered; readonly note: string },
): Promise<EvidenceFile> {
  await using file = await blobs.createTemp()
  const { verifierKey, publicKeyPem } = audit
  const { gathered, note } = made
  const parts = { reader: store.reader, blobs, note, verifierKey, publicKeyPem }
  await writeEvidence(gathered, { ...parts, withArtifacts, checkpointSizes }, file)
  return file.source()
}
