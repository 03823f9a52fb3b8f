import { revocations, signingConfigFor, trustedPublishers } from '../catalog/index.ts'
import {
  PlatformError,
  codeSigningConfigArn,
  loaderVariables,
  toIsoTime,
  type Facts,
  type FetchedRevocationList,
  type Revocation,
  type SealInput,
  type SigningConfigFacts,
  type SubjectFacts,
  type TrustedPublisher,
} from '../model/index.ts'
import type { PolicyInForce } from '../policy/index.ts'
import { judgeAttestations } from './subject-attestations.ts'
import { storedRevocationLists } from '../sources/index.ts'
import type { Reader } from '../store/index.ts'
import { listUrls } from './revocation-lists.ts'
import type { Caller, Deps } from './context.ts'
import type { ArtifactJudge } from './examine.ts'
import { moveValidUntil, readMove, toMoveFacts, type MoveSituation } from './move-facts.ts'
import { eachPlaceOf, type PlaceReads } from './place-reads.ts'
import { readStage, type Staged } from './stage-facts.ts'
import type { Change, ChangeFactsInput, Examination, Subject } from './change.ts'

/** All that a decision is read from, in one snapshot with its world. */
export interface Situation {
  readonly atMs: number
  readonly world: number
  readonly input: ChangeFactsInput
  readonly signingConfig: SigningConfigFacts | null
  readonly publishers: readonly TrustedPublisher[]
  readonly revocations: readonly Revocation[]
  readonly revocationLists: readonly FetchedRevocationList[]
  readonly move: MoveSituation | undefined
  /** `undefined` where the change touches no function. */
  readonly stage: Staged | undefined
  /** The admission set that judges this. */
  readonly policies: PolicyInForce
}

/** What judging takes of a service: a thread that judges much has these and no more. */
export interface JudgingDeps extends Pick<Deps, 'place'> {
  readonly store: Pick<Deps['store'], 'reader'>
  readonly examiner: ArtifactJudge
}

/** What verdicts are made by. */
export type JudgedBy = Pick<
  Situation,
  'atMs' | 'signingConfig' | 'publishers' | 'revocations' | 'revocationLists'
> & {
  readonly input: Pick<ChangeFactsInput, 'subjects'>
  /** Of which artifacts there is anything, where that was read for many; else each is looked up. */
  readonly beside?: BesideArtifacts
}

/** Artifacts, by the digest of their unsealed bytes, that have something beside the bytes. */
export interface BesideArtifacts {
  readonly sealed: ReadonlySet<string>
  readonly attested: ReadonlySet<string>
}

/** What facts are made of, once the subjects are judged. */
export type JudgedSituation = Pick<
  Situation,
  'atMs' | 'world' | 'input' | 'signingConfig' | 'move' | 'stage'
>

/** A subject with what its bytes are and what its seals say. */
export interface JudgedSubject {
  readonly subject: Subject
  readonly examined: Pick<Examination, 'noteworthyPaths'>
  readonly facts: SubjectFacts
}

export async function readWorld(reader: Reader): Promise<number> {
  const row = await reader
    .selectFrom('world')
    .select('counter')
    .where('id', '=', 1)
    .executeTakeFirst()
  if (row === undefined) throw new PlatformError('INTERNAL', 'the database has no world row')
  return row.counter
}

/** One snapshot: what the change is about, and everything its judgement depends on. */
export async function readSituation(
  deps: Deps,
  { principal }: Pick<Caller, 'principal'>,
  change: Pick<Change<unknown>, 'read' | 'action' | 'resource'>,
  reads: SharedReads = ownReads(deps),
): Promise<Situation> {
  const { atMs } = reads
  return await reads.snapshot(async (reader) => {
    const world = await readWorld(reader)
    const input = await change.read(reader, atMs)
    const signingConfig = await reads.signingConfig(reader, input.codeSigningConfigId)
    const allowed = signingConfig === null ? 'all' : new Set(signingConfig.allowedPublishers)
    const publishers = await reads.publishers(reader, allowed)
    return {
      atMs,
      world,
      input,
      signingConfig,
      publishers,
      revocations: await reads.revocations(reader),
      revocationLists: await reads.revocationLists(reader, publishers),
      move: await readMove(reader, change, { input, principal, atMs }, reads.places),
      stage: await readStage(reader, change, { input, atMs }, reads.places),
      policies: await deps.policies.deciding(reader),
    }
  })
}

/** How one situation is read: each thing for itself, unless a run over many shares what they have in common. */
export interface SharedReads {
  readonly atMs: number
  snapshot<T>(work: (reader: Reader) => Promise<T>): Promise<T>
  signingConfig(reader: Reader, id: string | null): Promise<SigningConfigFacts | null>
  publishers(reader: Reader, allowed: ReadonlySet<string> | 'all'): Promise<TrustedPublisher[]>
  revocations(reader: Reader): Promise<readonly Revocation[]>
  revocationLists(
    reader: Reader,
    publishers: readonly TrustedPublisher[],
  ): Promise<readonly FetchedRevocationList[]>
  readonly places: PlaceReads
}

export function ownReads(deps: Deps): SharedReads {
  return {
    atMs: deps.clock.nowMs(),
    snapshot: (work) => deps.store.snapshot(work),
    signingConfig: (reader, id) => readSigningConfig(deps, reader, id),
    publishers: (reader, allowed) => trustedPublishers(reader, deps.place, allowed),
    revocations,
    revocationLists: fetchedLists,
    places: eachPlaceOf(deps),
  }
}

/** Of the URLs that these publishers name, in the same snapshot. */
export async function fetchedLists(
  reader: Reader,
  publishers: readonly TrustedPublisher[],
): Promise<FetchedRevocationList[]> {
  const urls = new Set(publishers.flatMap(({ document }) => listUrls(document)))
  const lists = await storedRevocationLists(reader, [...urls])
  return lists.map(({ url, der, fetchedAtMs }) => ({ url, der, fetchedAtMs }))
}

/** Fail closed: a config that is named and not there refuses; it does not mean "none". */
async function readSigningConfig(
  deps: Deps,
  reader: Reader,
  id: string | null,
): Promise<SigningConfigFacts | null> {
  if (id === null) return null
  const config = await signingConfigFor(reader, deps.place, id)
  if (config === undefined) {
    const arn = codeSigningConfigArn(deps.place, id)
    throw new PlatformError(
      'CODE_SIGNING_CONFIG_NOT_FOUND',
      `The code signing configuration cannot be found. Check that the provided configuration is not deleted: ${arn}.`,
    )
  }
  return config
}

/** Every subject's seals judged in a worker; new bytes by what was examined, stored ones by their blob. */
export async function judgeSubjects(
  deps: JudgingDeps,
  situation: JudgedBy,
): Promise<JudgedSubject[]> {
  const judged: JudgedSubject[] = []
  const { signingConfig, input } = situation
  const functionName = input.subjects.find(({ kind }) => kind === 'function')?.name
  for (const subject of input.subjects) {
    const examined = subject.artifact ?? (await deps.examiner.stored(subject.codeSha256))
    const { sha256: unsealed } = examined.identity
    const isBare = situation.beside?.sealed.has(unsealed) === false
    const detached = isBare ? [] : await readDetachedSeals(deps, unsealed)
    const path = 'path' in examined ? examined.path : examined.source.path
    const verdict = await deps.examiner.judge(path, examined, {
      kind: subject.kind,
      name: subject.name,
      functionName,
      requirements: signingConfig?.requirements,
      account: deps.place.account,
      detached,
      publishers: situation.publishers,
      revocations: situation.revocations,
      revocationLists: situation.revocationLists,
      atMs: situation.atMs,
    })
    const { codeSha256, sha256, tree } = examined.identity
    const attested =
      situation.beside?.attested.has(unsealed) === false
        ? {}
        : await judgeAttestations(deps, examined.identity, situation)
    const { kind, arn } = subject
    judged.push({
      subject,
      examined,
      facts: { kind, arn, codeSha256, sha256, tree, verdict, ...attested },
    })
  }
  return judged
}

/** In one snapshot with what is judged by it. */
export async function readBesideArtifacts(reader: Reader): Promise<BesideArtifacts> {
  const columns = ['artifact_sha256 as sha256'] as const
  const sealed = await reader.selectFrom('detached_seal').select(columns).distinct().execute()
  const attested = await reader.selectFrom('attestation').select(columns).distinct().execute()
  return {
    sealed: new Set(sealed.map(({ sha256 }) => sha256)),
    attested: new Set(attested.map(({ sha256 }) => sha256)),
  }
}

/** Attaching a detached seal raises the world, so that reading them outside the snapshot is caught at commit. */
async function readDetachedSeals(
  deps: Pick<JudgingDeps, 'store'>,
  unsealedSha256: string,
): Promise<SealInput[]> {
  const rows = await deps.store.reader
    .selectFrom('detached_seal')
    .select(['format', 'body'])
    .where('artifact_sha256', '=', unsealedSha256)
    .orderBy('seal_digest')
    .execute()
  return rows.map((row) => ({
    format: row.format,
    place: 'detached',
    bytes: Buffer.from(row.body, 'base64'),
  }))
}

export function toFacts(
  deps: { readonly runtime: { readonly capability: Pick<Facts, 'isolation'> } },
  caller: Pick<Caller, 'principal'>,
  change: Pick<Change<unknown>, 'action' | 'resource'>,
  state: { readonly situation: JudgedSituation; readonly judged: readonly JudgedSubject[] },
): Facts {
  const { situation, judged } = state
  const validUntil = earliest([
    ...judged.flatMap(({ facts }) => [
      facts.verdict.validUntilMs,
      facts.attestations?.validUntilMs,
    ]),
    ...moveValidUntil(situation.move, situation.atMs),
    situation.stage?.validUntilMs,
  ])
  const { takesAway, alsoAsked, egress } = situation.input
  return {
    v: 1,
    at: toIsoTime(situation.atMs),
    world: situation.world,
    validUntil: validUntil === undefined ? null : toIsoTime(validUntil),
    principal: caller.principal,
    action: change.action,
    resource: change.resource,
    release: situation.input.release,
    change: situation.input.change,
    subjects: judged.map((subject) => subject.facts),
    ...toMoveFacts(
      situation.move,
      judged.map((subject) => subject.facts),
    ),
    signingConfig: situation.signingConfig,
    isolation: deps.runtime.capability.isolation,
    loaderVariables: loaderVariables(situation.input.environmentNames),
    ...(egress === undefined || egress.length === 0 ? {} : { egress }),
    ...(situation.stage === undefined ? {} : { stage: situation.stage.facts }),
    ...(takesAway === undefined ? {} : { takesAway }),
    ...(alsoAsked === undefined || alsoAsked.length === 0 ? {} : { alsoAsked }),
    noteworthyPaths: judged
      .filter((one) => one.subject.kind === 'layer')
      .flatMap((one) => one.examined.noteworthyPaths.map((path) => `${one.subject.arn}: ${path}`)),
  }
}

function earliest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined)
  return known.length === 0 ? undefined : Math.min(...known)
}
