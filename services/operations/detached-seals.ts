import { revocations, trustedPublishers } from '../catalog/index.ts'
import {
  PlatformError,
  limits,
  type Decision,
  type SealFormat,
  type SealInput,
  type SealReport,
  type Sha256,
} from '../model/index.ts'
import type { Reader, Writer } from '../store/index.ts'
import { saysMore } from '../trust/index.ts'
import type { Caller, Deps } from './context.ts'
import type { Committed, Examination, ExaminedArtifact } from './change.ts'
import { fetchedLists } from './facts.ts'
import { govern } from './gate.ts'
import { trustChange } from './publishers.ts'

export interface DetachedSealsInput {
  /** Of the bytes as uploaded, or of the unsealed ones: seals are kept by the latter, which is what is signed. */
  readonly sha256: Sha256
  /** CMS as DER or PEM. */
  readonly seals: readonly { readonly format: SealFormat; readonly bytes: Uint8Array }[]
  /** True where the artifact must have been deployed already (POST), so that live code is judged again. */
  readonly deployedOnly: boolean
}

export interface AttachedSeals {
  /** The unsealed digest. */
  readonly sha256: Sha256
  /** What each of the new seals says, in the order given. */
  readonly reports: readonly SealReport[]
  /** What became of each: a signature is kept once, in the wrapping that verifiably says most. */
  readonly kept: readonly ('added' | 'replaced' | 'unchanged')[]
}

/**
 * Seals beside an artifact whose bytes are here (uploaded or deployed). Each is verified first: one whose signature does
 * not verify over exactly these bytes, or cannot be verified since nobody knows its key, is refused, and nothing is kept.
 * They add to the block's seals and never replace one.
 * @throws PlatformError RESOURCE_NOT_FOUND, INVALID_SEAL, INVALID_PARAMETER (too many), RESOURCE_CONFLICT (attached at the same time)
 */
export async function attachDetachedSeals(
  deps: Deps,
  caller: Caller,
  input: DetachedSealsInput,
): Promise<{ result: AttachedSeals; decision: Decision }> {
  const seals = input.seals.map(toSealInput)
  if (seals.length === 0) {
    throw new PlatformError('INVALID_PARAMETER', 'the request carries no seal')
  }
  const { rows, ...verified } = await verifyFirst(deps, input, seals)
  const unsealed = verified.sha256
  // Known by what was signed and how, not by how it is wrapped: one signature is kept once.
  const digests = verified.reports.map((report) => report.digest)
  return await govern(deps, caller, {
    action: 'lacre:AttachSeals',
    resource: `lacre:artifact/${unsealed}`,
    raisesWorld: true,
    read: async (reader) => {
      await refuseTooMany(reader, unsealed, digests)
      return trustChange(null, `${seals.length} seals`)
    },
    commit: async (tx, _admitted, atMs): Promise<Committed<AttachedSeals>> => {
      await refuseTooMany(tx, unsealed, digests)
      for (const row of rows) await writeRow(tx, unsealed, row, atMs)
      const touched = [...new Set(digests)].map((digest) => ({
        table: 'detached_seal' as const,
        key: { artifact_sha256: unsealed, seal_digest: digest },
      }))
      return { result: verified, touched }
    },
    note: () => ({ seals: digests }),
  })
}

/** A signature in the wrapping that is to be kept, and the one that it was compared with. */
interface SealRow {
  readonly digest: string
  readonly format: SealFormat
  readonly body: string
  readonly replaces: string | undefined
}

/** Only over what it was compared with: whoever attached something else meanwhile was not judged beside it. */
async function writeRow(tx: Writer, artifact: Sha256, row: SealRow, atMs: number): Promise<void> {
  const { digest, format, body, replaces } = row
  const key = { artifact_sha256: artifact, seal_digest: digest }
  const there = (await keptSeals(tx, artifact)).find((one) => one.digest === digest)
  if (there?.body === body) return
  if (there?.body !== replaces)
    throw new PlatformError(
      'RESOURCE_CONFLICT',
      'the same signature was attached in another wrapping at this moment; try again',
    )
  if (there === undefined)
    await tx
      .insertInto('detached_seal')
      .values({ ...key, format, body, created_at: atMs })
      .execute()
  else
    await tx
      .updateTable('detached_seal')
      .set({ format, body, created_at: atMs })
      .where('artifact_sha256', '=', artifact)
      .where('seal_digest', '=', digest)
      .execute()
}

async function keptSeals(
  reader: Reader,
  artifact: Sha256,
): Promise<readonly { digest: string; format: SealFormat; body: string }[]> {
  return await reader
    .selectFrom('detached_seal')
    .select(['seal_digest as digest', 'format', 'body'])
    .where('artifact_sha256', '=', artifact)
    .execute()
}

/** The seals judged over the bytes at hand, by every publisher: what is tampered or malformed stays out. */
async function verifyFirst(
  deps: Deps,
  input: DetachedSealsInput,
  seals: readonly SealInput[],
): Promise<VerifiedSeals> {
  const located = await locate(deps, input)
  const { kind, name } = located
  const trust = await deps.store.snapshot(async (reader) => {
    const publishers = await trustedPublishers(reader, deps.place, 'all')
    const revocationLists = await fetchedLists(reader, publishers)
    return { publishers, revocations: await revocations(reader), revocationLists }
  })
  const by = { ...trust, kind, name, account: deps.place.account }
  const judge = async (path: string, examined: Examination): Promise<VerifiedSeals> => {
    const { sha256 } = examined.identity
    const kept = await keptSeals(deps.store.reader, sha256)
    const detached = [...seals, ...kept.map(toInput)]
    const judging = { ...by, detached, atMs: deps.clock.nowMs() }
    const verdict = await deps.examiner.judge(path, examined, judging)
    const all = verdict.seals.filter((report) => report.place === 'detached')
    if (all.length !== detached.length)
      throw new PlatformError('INVALID_SEAL', 'the seals cannot be verified')
    const reports = all.slice(0, seals.length)
    refuseUnverified(reports)
    const before = kept.map((row, at) => ({ ...row, report: all[seals.length + at] }))
    return { sha256, reports, ...chooseRows(seals, reports, before) }
  }
  if (located.deployed) {
    const artifact = await deps.examiner.stored(located.codeSha256)
    return await judge(artifact.path, artifact)
  }
  using staged = deps.blobs.openStaged(located.codeSha256)
  if (staged === undefined) throw notHere(input)
  return await judge(staged.path, await deps.examiner.examine(staged))
}

/** Bytes that are here, uploaded or deployed, opened strictly. */
export interface KnownArtifact extends Disposable {
  readonly identity: Examination['identity']
  /** Where they are uploaded alone. */
  readonly artifact: ExaminedArtifact | undefined
}

/** @throws PlatformError RESOURCE_NOT_FOUND, INVALID_ARTIFACT */
export async function openKnown(deps: Deps, sha256: Sha256): Promise<KnownArtifact> {
  const input = { sha256, seals: [], deployedOnly: false }
  const located = await locate(deps, input)
  if (located.deployed) {
    const { identity } = await deps.examiner.stored(located.codeSha256)
    return { identity, artifact: undefined, [Symbol.dispose]: () => undefined }
  }
  const staged = deps.blobs.openStaged(located.codeSha256)
  if (staged === undefined) throw notHere(input)
  const close = (): void => staged[Symbol.dispose]()
  try {
    const artifact = await deps.examiner.examine(staged)
    // Uploads are hashed again by whoever uses them.
    if (artifact.identity.codeSha256 !== sha256) throw notHere(input)
    return { identity: artifact.identity, artifact, [Symbol.dispose]: close }
  } catch (error) {
    close()
    throw error
  }
}

/**
 * What may stand beside an artifact: a signature that verified. One by a key that nobody knows verifies by nothing; let
 * in, it would be anybody's way to make the artifact tampered on the day that the key is registered.
 */
function refuseUnverified(reports: readonly SealReport[]): void {
  for (const [at, { outcome, signer, findings }] of reports.entries()) {
    if (outcome !== 'tampered' && signer !== undefined) continue
    const failed = findings.find((finding) => finding.status === 'failed')
    const why = failed === undefined ? '' : `: expected ${failed.expected}, got ${failed.got}`
    const fix = outcome === 'tampered' ? '' : '; register its key as a publisher first'
    throw new PlatformError(
      'INVALID_SEAL',
      `seal ${at + 1} of ${reports.length} is refused${why}${fix}`,
      { detail: { findings } },
    )
  }
}

interface VerifiedSeals extends AttachedSeals {
  readonly rows: readonly SealRow[]
}

/** One row for each signature: the wrapping that says most of those given and the one that is kept. */
function chooseRows(
  seals: readonly SealInput[],
  reports: readonly SealReport[],
  before: readonly { digest: string; body: string; report: SealReport | undefined }[],
): Pick<VerifiedSeals, 'kept' | 'rows'> {
  const best = new Map<string, { readonly body: string; readonly report: SealReport }>()
  for (const { digest, body, report } of before) if (report) best.set(digest, { body, report })
  const rows = new Map<string, SealRow>()
  const kept = reports.map((report, at) => {
    const { digest } = report
    const { format, bytes } = seals[at] ?? { format: report.format, bytes: Buffer.alloc(0) }
    const there = best.get(digest)
    if (there !== undefined && !saysMore(report, there.report)) return 'unchanged' as const
    const body = Buffer.from(bytes).toString('base64')
    best.set(digest, { body, report })
    const replaces = before.find((row) => row.digest === digest)?.body
    rows.set(digest, { digest, format, body, replaces })
    return there === undefined ? ('added' as const) : ('replaced' as const)
  })
  return { kept, rows: [...rows.values()] }
}

function toInput({ format, body }: { format: SealFormat; body: string }): SealInput {
  return { format, place: 'detached', bytes: Buffer.from(body, 'base64') }
}

interface Located {
  readonly codeSha256: Sha256
  readonly deployed: boolean
  readonly kind: 'function' | 'layer'
  /** Of a function or layer that holds it; empty before the first deployment. */
  readonly name: string
}

async function locate(deps: Deps, input: DetachedSealsInput): Promise<Located> {
  const stored = await findStored(deps.store.reader, input.sha256)
  if (stored !== undefined) return stored
  if (input.deployedOnly) throw notHere(input)
  return { codeSha256: input.sha256, deployed: false, kind: 'function', name: '' }
}

function notHere({ sha256: digest, deployedOnly }: DetachedSealsInput): PlatformError {
  const fix = deployedOnly ? 'deploy it' : `upload it with PUT /api/v1/artifacts/${digest}`
  return new PlatformError('RESOURCE_NOT_FOUND', `there is no artifact \`${digest}\`; ${fix} first`)
}

async function findStored(reader: Reader, digest: Sha256): Promise<Located | undefined> {
  const artifact = await reader
    .selectFrom('artifact')
    .select('code_sha256')
    .where((or) => or.or([or('code_sha256', '=', digest), or('sha256', '=', digest)]))
    .executeTakeFirst()
  if (artifact === undefined) return undefined
  const codeSha256 = artifact.code_sha256 as Sha256
  const owner = await reader
    .selectFrom('function_version')
    .innerJoin('function', 'function.id', 'function_version.function_id')
    .select('function.name')
    .where('function_version.code_sha256', '=', codeSha256)
    .executeTakeFirst()
  if (owner !== undefined) return { codeSha256, deployed: true, kind: 'function', name: owner.name }
  const layer = await reader
    .selectFrom('layer_version')
    .select('name')
    .where('code_sha256', '=', codeSha256)
    .executeTakeFirst()
  if (layer !== undefined) return { codeSha256, deployed: true, kind: 'layer', name: layer.name }
  return { codeSha256, deployed: true, kind: 'function', name: '' }
}

async function refuseTooMany(
  reader: Reader,
  artifact: Sha256,
  digests: readonly string[],
): Promise<void> {
  const rows = await reader
    .selectFrom('detached_seal')
    .select('seal_digest')
    .where('artifact_sha256', '=', artifact)
    .execute()
  const all = new Set(rows.map((row) => row.seal_digest))
  for (const digest of digests) all.add(digest)
  if (all.size <= limits.DETACHED_SEALS_LIMIT) return
  throw new PlatformError(
    'INVALID_PARAMETER',
    `an artifact takes ${limits.DETACHED_SEALS_LIMIT} detached seals; these would make ${all.size}`,
  )
}

const PEM =
  /^-----BEGIN (?:CMS|PKCS7)-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END (?:CMS|PKCS7)-----\s*$/

/** PEM is an envelope of the DER and is taken off: the digest of a seal must not depend on its line breaks. */
function toSealInput(seal: { readonly format: SealFormat; readonly bytes: Uint8Array }): SealInput {
  if (seal.bytes.byteLength === 0 || seal.bytes.byteLength > limits.SEAL_PAYLOAD_LIMIT_BYTES) {
    throw new PlatformError(
      'INVALID_SEAL',
      `a seal holds 1 to ${limits.SEAL_PAYLOAD_LIMIT_BYTES} bytes, this one ${seal.bytes.byteLength}`,
    )
  }
  const body =
    seal.format === 'cms' ? PEM.exec(Buffer.from(seal.bytes).toString('latin1'))?.[1] : undefined
  const bytes = body === undefined ? seal.bytes : Buffer.from(body, 'base64')
  return { format: seal.format, place: 'detached', bytes }
}
