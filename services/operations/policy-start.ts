import {
  findPolicySetInForce,
  insertPolicySet,
  keepPolicyDocument,
  keepPolicySchema,
  type PolicySetRecord,
} from '../catalog/index.ts'
import {
  POLICY_KINDS,
  PlatformError,
  policySetResource,
  systemPrincipal,
  type Json,
  type PolicyKind,
} from '../model/index.ts'
import {
  compilePolicySet,
  isUsable,
  toSetDocument,
  type PolicySet,
  type PolicySetSource,
  type UnusableSet,
} from '../policy/index.ts'
import { closeTransaction, raiseWorld, record as recordByService } from './commit.ts'
import type { Deps } from './context.ts'
import { readWorld } from './facts.ts'
import { missingGround } from './policy-ground.ts'
import { APPLY, policyNote } from './policy-sets.ts'
import type { ShippedPolicies } from './policies-in-force.ts'

/**
 * The sets in force when the service starts, with a ledger entry where that changes: a set that the operator names is
 * put in force whatever was; without one what was in force stays, a shipped set in the text of this program.
 * @throws PlatformError CONFIGURATION where what is to be in force cannot stand on this machine; INVALID_PARAMETER for a
 * shipped set that does not fit its schema
 */
export async function settlePolicies(deps: Deps): Promise<void> {
  const { named } = deps.policies
  for (const kind of POLICY_KINDS)
    await settleKind(deps, kind, kind === 'admission' ? named : undefined)
}

async function settleKind(deps: Deps, kind: PolicyKind, named: string | undefined): Promise<void> {
  const shipped = deps.policies.shipped(kind)
  const now = await deps.store.snapshot(async (reader) => {
    const record = await findPolicySetInForce(reader, kind)
    return record && { record, set: await deps.policies.load(reader, record) }
  })
  const next = nextAtStart(now, { shipped, named })
  const missing = missingGround(kind, next?.name ?? now?.record.name ?? '', {
    isolation: deps.runtime.capability.isolation,
    masterKey: deps.keys.masterKey.source,
  })
  if (missing !== undefined) throw new PlatformError('CONFIGURATION', missing)
  if (next !== undefined) await put(deps, kind, next)
  else if (now !== undefined && !isUsable(now.set))
    deps.log.error(
      { kind, version: now.record.version, fault: now.set.fault },
      kind === 'admission'
        ? 'the policy set in force cannot be used: only leaving is admitted'
        : 'the authorization set in force cannot be used: the built-in table of roles decides, and only leaving is admitted',
    )
}

interface Known {
  readonly record: PolicySetRecord
  readonly set: PolicySet | UnusableSet
}

interface AtStart extends Pick<PolicySetRecord, 'name' | 'digest' | 'how'> {
  readonly ofVersion?: number
  /** A text that is new, or the document that is there. */
  readonly text: PolicySetSource | { readonly document: string }
}

/** What is to be put in force at start; `undefined` where what is in force stays as it is. */
export function nextAtStart(
  now: Known | undefined,
  { shipped, named }: { readonly shipped: ShippedPolicies; readonly named: string | undefined },
): AtStart | undefined {
  const [first] = shipped.sets.keys()
  const ours = now?.record.how === 'shipped' ? now.record.name : undefined
  const name = now === undefined ? (named ?? first) : (named ?? ours)
  const source = name === undefined ? undefined : shipped.sets.get(name)
  if (name !== undefined && source !== undefined) {
    const { schema, validated } = shipped
    const { digest } = compilePolicySet(source.files, schema, validated.get(name))
    // A damaged text is put beside itself only when the operator asks for it: otherwise it has to be seen.
    const sound = now !== undefined && (named === undefined || isUsable(now.set))
    const same = now?.record.name === name && now.record.digest === digest
    return sound && same ? undefined : { name, digest, how: 'shipped', text: source }
  }
  if (now === undefined || !isUsable(now.set) || now.set.digest === now.record.digest)
    return undefined
  // The operator's own set under the schema of a newer program: another digest, and so a version of its own.
  const { record, set } = now
  const { how, document, version } = record
  return { name: record.name, digest: set.digest, how, ofVersion: version, text: { document } }
}

async function put(deps: Deps, kind: PolicyKind, next: AtStart): Promise<void> {
  const { name, digest, how, text } = next
  const event = {
    type: 'policy-set',
    action: APPLY,
    resource: policySetResource(kind),
    note: policyNote(next),
  }
  await recordByService(deps, event, async (tx, appliedAtMs) => {
    const now = await findPolicySetInForce(tx, kind)
    const record: PolicySetRecord = {
      kind,
      version: (now?.version ?? 0) + 1,
      name,
      digest,
      schemaSha256: deps.policies.schemaSha256(kind),
      document:
        'document' in text ? text.document : await keepPolicyDocument(tx, toSetDocument(text)),
      how,
      ofVersion: next.ofVersion,
      appliedAtMs,
      principalId: systemPrincipal.id,
      decisionId: undefined,
    }
    await keepPolicySchema(tx, deps.policies.shipped(kind).schema)
    const touched = [await insertPolicySet(tx, record)]
    await raiseWorld(tx)
    return { result: undefined, touched }
  })
  deps.log.info({ kind, name, digest }, 'a policy set was put in force at start')
}

/** The same with the service stopped: nothing runs that would have to hear of it. */
export async function recordPolicyOffline(
  deps: Pick<Deps, 'store' | 'audit' | 'live' | 'clock' | 'policies'>,
  record: PolicySetRecord,
  note: Json,
): Promise<void> {
  await deps.store.transaction(async (tx) => {
    await keepPolicySchema(tx, deps.policies.shipped(record.kind).schema)
    const touched = [await insertPolicySet(tx, record)]
    await raiseWorld(tx)
    const event = {
      type: 'policy-set',
      action: APPLY,
      resource: policySetResource(record.kind),
      principal: systemPrincipal,
      world: await readWorld(tx),
      note,
    }
    const committed = { result: undefined, touched }
    await closeTransaction(deps, tx, event, { committed, decision: undefined })
  })
}
