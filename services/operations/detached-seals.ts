import { revocations, trustedPublishers } from '../catalog/index.ts'
import {
  PlatformError,
  limits,
  sha256 as digestOf,
  type Decision,
  type SealFormat,
  type SealInput,
  type SealReport,
  type Sha256,
} from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import type { Caller, Deps } from './context.ts'
import type { Committed, Examination } from './change.ts'
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
}

/**
 * Seals beside an artifact whose bytes are here (uploaded or deployed). Each is verified first: one that does not
 * verify over exactly these bytes is refused, and nothing is kept. They add to the block's seals and never replace one.
 * @throws PlatformError RESOURCE_NOT_FOUND, INVALID_SEAL, INVALID_PARAMETER (too many)
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
  const verified = await verifyFirst(deps, input, seals)
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
      for (const [at, seal] of seals.entries()) {
        await tx
          .insertInto('detached_seal')
          .values({
            artifact_sha256: unsealed,
            seal_digest: digests[at] ?? digestOf(seal.bytes),
            format: seal.format,
            body: Buffer.from(seal.bytes).toString('base64'),
            created_at: atMs,
          })
          .onConflict((conflict) =>
            conflict.columns(['artifact_sha256', 'seal_digest']).doNothing(),
          )
          .execute()
      }
      const touched = [...new Set(digests)].map((digest) => ({
        table: 'detached_seal' as const,
        key: { artifact_sha256: unsealed, seal_digest: digest },
      }))
      return { result: verified, touched }
    },
    note: () => ({ seals: digests }),
  })
}

/** The seals judged over the bytes at hand, by every publisher: what is tampered or malformed stays out. */
async function verifyFirst(
  deps: Deps,
  input: DetachedSealsInput,
  seals: readonly SealInput[],
): Promise<AttachedSeals> {
  const located = await locate(deps, input)
  const { kind, name } = located
  const trust = await deps.store.snapshot(async (reader) => {
    const publishers = await trustedPublishers(reader, deps.place, 'all')
    const revocationLists = await fetchedLists(reader, publishers)
    return { publishers, revocations: await revocations(reader), revocationLists }
  })
  const by = { ...trust, kind, name, account: deps.place.account, detached: seals }
  const judge = async (path: string, examined: Examination): Promise<AttachedSeals> => {
    const verdict = await deps.examiner.judge(path, examined, { ...by, atMs: deps.clock.nowMs() })
    const reports = verdict.seals.filter((report) => report.place === 'detached')
    refuseUnverified(reports, seals)
    return { sha256: examined.identity.sha256, reports }
  }
  if (located.deployed) {
    const artifact = await deps.examiner.stored(located.codeSha256)
    return await judge(artifact.path, artifact)
  }
  using staged = deps.blobs.openStaged(located.codeSha256)
  if (staged === undefined) throw notHere(input)
  return await judge(staged.path, await deps.examiner.examine(staged))
}

/** Fail closed: every seal has its report, in the order given, and none is tampered. */
function refuseUnverified(reports: readonly SealReport[], seals: readonly SealInput[]): void {
  if (reports.length !== seals.length) {
    throw new PlatformError('INVALID_SEAL', 'the seals cannot be verified')
  }
  const at = reports.findIndex((report) => report.outcome === 'tampered')
  if (at < 0) return
  const failed = reports[at]?.findings.find((finding) => finding.status === 'failed')
  const why = failed === undefined ? '' : `: expected ${failed.expected}, got ${failed.got}`
  throw new PlatformError('INVALID_SEAL', `seal ${at + 1} of ${seals.length} is refused${why}`, {
    detail: { findings: reports[at]?.findings ?? [] },
  })
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
