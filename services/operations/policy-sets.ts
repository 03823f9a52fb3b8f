import {
  findPolicySet,
  findPolicySetInForce,
  insertPolicySet,
  keepPolicyDocument,
  keepPolicySchema,
  listPolicySets,
  type PolicySetRecord,
} from '../catalog/index.ts'
import {
  PlatformError,
  policySetResource,
  type Decision,
  type Json,
  type PolicyKind,
  type ResourceRef,
  type Sha256,
} from '../model/index.ts'
import {
  compilePolicySet,
  isUsable,
  lacking,
  mayDo,
  policySetVersion,
  toSetDocument,
  type CheckedSet,
  type PolicySetDiff,
  type PolicySetSource,
} from '../policy/index.ts'
import type { Reader, Writer } from '../store/index.ts'
import { asKept } from './access/principals.ts'
import type { Change } from './change.ts'
import type { Caller, Deps } from './context.ts'
import { govern } from './gate.ts'
import { readSource } from './policies-in-force.ts'
import { missingGround } from './policy-ground.ts'
import { trustChange } from './publishers.ts'

/** The action of every change of the policies in force, back to an earlier set too: one rule holds both. */
export const APPLY = 'lacre:ApplyPolicySet'
const NAME = /^[a-z0-9][a-z0-9-]{0,63}$/

export interface PolicySetApplied {
  readonly record: PolicySetRecord
  readonly checked: CheckedSet
}

/**
 * Puts a set in force, after it was validated and its cases passed: judged by the set in force before it.
 * @throws PlatformError INVALID_PARAMETER with `detail.faults` or `detail.failedCases`, PRECONDITION_FAILED where another
 * version than `ifVersion` is in force, RESOURCE_CONFLICT where this set is in force already or cannot stand here
 */
export async function applyPolicySet(
  deps: Deps,
  caller: Caller,
  input: {
    readonly kind: PolicyKind
    readonly name: string
    readonly source: PolicySetSource
    readonly ifVersion?: number | undefined
  },
): Promise<{ readonly result: PolicySetApplied; readonly decision: Decision }> {
  const { kind, name, source } = input
  const { schema } = deps.policies.shipped(kind)
  refuseName(deps, input)
  const checked = await deps.policies.checker.check({ source, kind, schema })
  deps.policies.markValidated(checked.digest)
  const { result, decision } = await govern(
    deps,
    caller,
    putInForce(deps, caller, {
      ...input,
      digest: checked.digest,
      how: 'applied',
      source: () => Promise.resolve(source),
      document: (tx) => keepPolicyDocument(tx, toSetDocument(source)),
      isSame: async (reader, now) =>
        now.name === name &&
        now.digest === checked.digest &&
        sameSource(await readSource(reader, now.document), source),
    }),
  )
  return { result: { record: result, checked }, decision }
}

/**
 * Puts a set in force that was so before, as a new version over the same text. Its cases are not run: it is known.
 * @throws PlatformError RESOURCE_NOT_FOUND, PRECONDITION_FAILED, RESOURCE_CONFLICT
 */
export async function rollbackPolicySet(
  deps: Deps,
  caller: Caller,
  input: {
    readonly kind: PolicyKind
    readonly version: number
    readonly ifVersion?: number | undefined
  },
): Promise<{ readonly result: PolicySetRecord; readonly decision: Decision }> {
  const { kind, version, ifVersion } = input
  const { record, source } = await describePolicySet(deps, kind, version)
  const digest = await usableDigest(deps, record, source)
  const change = putInForce(deps, caller, {
    kind,
    name: record.name,
    ifVersion,
    digest,
    how: 'rolled-back',
    ofVersion: version,
    source: () => Promise.resolve(source ?? { files: [], cases: null }),
    document: () => Promise.resolve(record.document),
    isSame: (_reader, now) =>
      Promise.resolve(now.name === record.name && now.document === record.document),
  })
  return await govern(deps, caller, change)
}

/** Under the schema of today, validated off the event loop. */
async function usableDigest(
  deps: Deps,
  record: PolicySetRecord,
  source: PolicySetSource | undefined,
): Promise<Sha256 | string> {
  const refuse = (fault: string): PlatformError =>
    new PlatformError('RESOURCE_CONFLICT', `version ${record.version} cannot be used: ${fault}`)
  if (source === undefined) throw refuse('its text is missing or damaged')
  const { schema } = deps.policies.shipped(record.kind)
  try {
    const { digest } = await deps.policies.checker.check({
      source: { ...source, cases: null },
      kind: record.kind,
      schema,
    })
    deps.policies.markValidated(digest)
    return digest
  } catch (error) {
    if (error instanceof PlatformError && error.code === 'INVALID_PARAMETER')
      throw refuse(error.publicMessage)
    throw error
  }
}

interface Next {
  readonly kind: PolicyKind
  readonly name: string
  readonly ifVersion?: number | undefined
  readonly digest: string
  readonly how: PolicySetRecord['how']
  readonly ofVersion?: number
  source(reader: Reader): Promise<PolicySetSource>
  document(tx: Writer): Promise<string>
  isSame(reader: Reader, now: PolicySetRecord): Promise<boolean>
}

function putInForce(deps: Deps, caller: Caller, next: Next): Change<PolicySetRecord> {
  const { kind, name, digest, ifVersion } = next
  const open = async (reader: Reader): Promise<PolicySetRecord | undefined> => {
    const now = await findPolicySetInForce(reader, kind)
    if (ifVersion !== undefined && now?.version !== ifVersion)
      throw new PlatformError(
        'PRECONDITION_FAILED',
        `version ${now?.version ?? 0} is in force, not version ${ifVersion}`,
      )
    if (now !== undefined && (await next.isSame(reader, now)))
      throw new PlatformError(
        'RESOURCE_CONFLICT',
        `this set is in force already, as version ${now.version}`,
      )
    // What it would do can be planned also where it cannot be applied.
    if (caller.plan?.kind !== 'make') refuseWithoutGround(deps, kind, name)
    if (kind === 'authorization') await refuseSelfService(deps, reader, { caller, next })
    return now
  }
  const shown = policySetVersion({ name, set: { digest } })
  return {
    action: APPLY,
    resource: policySetResource(kind),
    raisesWorld: true,
    read: async (reader) => {
      const now = await open(reader)
      const before = now && policySetVersion({ name: now.name, set: now })
      return trustChange(before ?? null, shown)
    },
    commit: async (tx, { decision }, atMs) => {
      const version = ((await open(tx))?.version ?? 0) + 1
      const record: PolicySetRecord = {
        kind,
        version,
        name,
        digest,
        schemaSha256: deps.policies.schemaSha256(kind),
        document: await next.document(tx),
        how: next.how,
        ofVersion: next.ofVersion,
        appliedAtMs: atMs,
        principalId: caller.principal.id,
        decisionId: decision.id,
      }
      await keepPolicySchema(tx, deps.policies.shipped(kind).schema)
      return { result: record, touched: [await insertPolicySet(tx, record)] }
    },
    // Who may do what changes nothing that is live.
    planned: () => ({ content: { kind, name, digest }, wholeLiveSet: kind === 'admission' }),
    note: () => policyNote(next),
  }
}

/** What the ledger entry says beside the row: the digest as decisions name it. */
export function policyNote({
  name,
  digest,
  how,
  ofVersion,
}: Pick<PolicySetRecord, 'name' | 'digest' | 'how'> & {
  readonly ofVersion?: number | undefined
}): Record<string, Json> {
  return { name, digest, how, ...(ofVersion !== undefined && { ofVersion }) }
}

function sameSource(known: PolicySetSource | undefined, given: PolicySetSource): boolean {
  return (
    known !== undefined &&
    JSON.stringify(toSetDocument(known)) === JSON.stringify(toSetDocument(given))
  )
}

/** The names of shipped sets stand for their text and nothing else. */
function refuseName(
  deps: Deps,
  { kind, name, source }: Pick<Next, 'kind' | 'name'> & { readonly source: PolicySetSource },
): void {
  if (!NAME.test(name))
    throw new PlatformError(
      'INVALID_PARAMETER',
      'a policy set is named in up to 64 of a-z, 0-9 and `-`',
    )
  const { sets } = deps.policies.shipped(kind)
  if (sets.has(name) && deps.policies.shippedNameOf(kind, source) !== name)
    throw new PlatformError(
      'INVALID_PARAMETER',
      `\`${name}\` is the name of a set that comes with Lacre, and this is another text: give it another name`,
    )
}

/**
 * Whoever says who may do what could give himself everything: only who may do everything says it (RULES §5: no one grants
 * more than he has). And the set has to leave him the way to put another one in force.
 */
async function refuseSelfService(
  deps: Deps,
  reader: Reader,
  { caller, next }: { readonly caller: Caller; readonly next: Next },
): Promise<void> {
  const principal = await asKept(reader, caller.principal)
  const [first, ...more] = lacking(await deps.access.policies(reader), principal)
  if (first !== undefined) {
    const others = more.length === 0 ? '' : ` and ${more.length} more`
    throw new PlatformError(
      'ACCESS_DENIED',
      `an authorization set is put in force by who may do everything: \`${principal.name}\` may not ${first}${others} everywhere`,
    )
  }
  const { schema } = deps.policies.shipped(next.kind)
  const set = compilePolicySet((await next.source(reader)).files, schema, next.digest)
  const resource: ResourceRef = { kind: 'PolicySet', name: next.kind }
  const allowed = mayDo(set, { principal, action: APPLY, resource, tags: {} }).allowed
  const [closed] = [...(allowed ? [] : [APPLY]), ...lacking(set, principal)]
  if (closed !== undefined)
    throw new PlatformError(
      'RESOURCE_CONFLICT',
      `under this set \`${principal.name}\` could put no other in force, for he would not be sure of \`${closed}\` everywhere: keep a permit of it for him, and end a forbid that asks who somebody is by \`unless { principal in Lacre::Role::"…" }\` with a role of his`,
    )
}

function refuseWithoutGround(deps: Deps, kind: PolicyKind, name: string): void {
  const { runtime, keys } = deps
  const missing = missingGround(kind, name, {
    isolation: runtime.capability.isolation,
    masterKey: keys.masterKey.source,
  })
  if (missing !== undefined) throw new PlatformError('RESOURCE_CONFLICT', missing)
}

export interface PolicySetDescription {
  readonly record: PolicySetRecord
  readonly inForce: boolean
  /** Absent where it is damaged. */
  readonly source: PolicySetSource | undefined
  /** Why it cannot be used, where it cannot. */
  readonly fault: string | undefined
}

/** One set with its text; without a version the one in force. @throws PlatformError RESOURCE_NOT_FOUND */
export async function describePolicySet(
  deps: Deps,
  kind: PolicyKind,
  version?: number,
): Promise<PolicySetDescription> {
  deps.policies.shipped(kind)
  return await deps.store.snapshot(async (reader) => {
    const now = await findPolicySetInForce(reader, kind)
    const record = version === undefined ? now : await findPolicySet(reader, kind, version)
    if (record === undefined)
      throw new PlatformError('RESOURCE_NOT_FOUND', `there is no version ${version ?? 1}`)
    const set = await deps.policies.load(reader, record)
    return {
      record,
      inForce: record.version === now?.version,
      source: await readSource(reader, record.document),
      fault: isUsable(set) ? undefined : set.fault,
    }
  })
}

/** Every set that was in force, newest first. */
export async function policySetHistory(
  deps: Deps,
  kind: PolicyKind,
  page: { readonly limit: number; readonly before?: number | undefined },
): Promise<PolicySetRecord[]> {
  deps.policies.shipped(kind)
  return await listPolicySets(deps.store.reader, kind, page)
}

/** Two versions beside each other. @throws PlatformError RESOURCE_NOT_FOUND, RESOURCE_CONFLICT (a damaged one) */
export async function diffPolicyVersions(
  deps: Deps,
  kind: PolicyKind,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<PolicySetDiff> {
  const { schema } = deps.policies.shipped(kind)
  const sourceOf = async (version: number): Promise<PolicySetSource> => {
    const { source } = await describePolicySet(deps, kind, version)
    if (source !== undefined) return source
    throw new PlatformError('RESOURCE_CONFLICT', `the text of version ${version} is damaged`)
  }
  const [before, after] = [await sourceOf(from), await sourceOf(to)]
  return await deps.policies.checker.diff({ before, after, kind, schema })
}
