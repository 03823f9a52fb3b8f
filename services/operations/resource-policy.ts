import {
  deleteResourcePolicyRow,
  findResourcePolicy,
  putResourcePolicyRow,
} from '../catalog/index.ts'
import { LATEST, PlatformError, canonicalJson, sha256, type Json } from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import type { Caller, Deps } from './context.ts'
import { locateFunction, revisionMismatch, type LocatedFunction } from './function-reference.ts'
import type { PolicyAnswer } from './function-policy.ts'
import { govern, type Committed } from './gate.ts'
import { noPolicy, statementsOf } from './policy-document.ts'
import { readPolicyDocument } from './policy-input.ts'
import {
  grantFacts,
  raiseRevision,
  readPolicyTarget,
  refuseMoved,
  refuseOtherRemoval,
  removalFacts,
  type PolicyTarget,
  type Removal,
} from './policy-place.ts'

/** The policy of a function, version or alias as a whole, by its ARN: the same one that AddPermission adds to. */
export interface ResourcePolicyAsked {
  readonly resourceArn: string
  readonly revisionId?: string | undefined
}

/**
 * In place of all statements that are there, and judged as they are (RULES P2).
 * @throws PlatformError INVALID_PARAMETER, FUNCTION_NOT_FOUND, RESOURCE_NOT_FOUND, PRECONDITION_FAILED,
 * QUOTA_EXCEEDED, and what the gate throws
 */
export async function putResourcePolicy(
  deps: Deps,
  caller: Caller,
  input: ResourcePolicyAsked & { readonly policy: string },
): Promise<PolicyAnswer & { readonly decisionId: string }> {
  const asked = locate(deps, input.resourceArn)
  const document = readPolicyDocument(input.policy, input.resourceArn)
  const look = async (reader: Reader): Promise<PolicyTarget> => {
    const target = await readPolicyTarget(deps, reader, asked)
    refuseStale(target, input.revisionId)
    return target
  }
  let judged: PolicyTarget | undefined
  const { result, decision } = await govern(deps, caller, {
    action: 'lambda:PutResourcePolicy',
    resource: input.resourceArn,
    raisesWorld: false,
    read: async (reader) => {
      judged = await look(reader)
      return grantFacts(deps, judged)
    },
    commit: async (tx, admitted): Promise<Committed<string>> => {
      const target = await look(tx)
      refuseMoved(judged, target)
      const { revisionId, touched } = await raiseRevision(deps, tx, target)
      const { owner, qualifier } = target
      const row = await putResourcePolicyRow(tx, {
        owner: owner.id,
        qualifier,
        document,
        revisionId,
        decisionId: admitted.decision.id,
      })
      return { result: revisionId, touched: [touched, row], functionNames: [asked.name] }
    },
    note: () => ({ policy: sha256(canonicalJson(JSON.parse(document) as Json)) }),
  })
  return { document, revisionId: result, decisionId: decision.id }
}

/** @throws PlatformError RESOURCE_NOT_FOUND, FUNCTION_NOT_FOUND */
export async function getResourcePolicy(deps: Deps, resourceArn: string): Promise<PolicyAnswer> {
  const asked = locate(deps, resourceArn)
  return await deps.store.snapshot(async (reader) => {
    const { target, policy } = await readHeld(deps, reader, asked)
    return { document: policy.document, revisionId: target.bearer.revisionId }
  })
}

/**
 * Leaving, always allowed (promise P5), unless a denial goes with it.
 * @throws PlatformError RESOURCE_NOT_FOUND, PRECONDITION_FAILED, and what the gate throws
 */
export async function deleteResourcePolicy(
  deps: Deps,
  caller: Caller,
  input: ResourcePolicyAsked,
): Promise<{ readonly decisionId: string }> {
  const asked = locate(deps, input.resourceArn)
  const look = async (reader: Reader) => {
    const held = await readHeld(deps, reader, asked)
    refuseStale(held.target, input.revisionId)
    return { ...held, gone: statementsOf(held.policy.document) }
  }
  let judged: Removal | undefined
  const { decision } = await govern(deps, caller, {
    action: 'lambda:DeleteResourcePolicy',
    resource: input.resourceArn,
    raisesWorld: false,
    read: async (reader) => {
      judged = await look(reader)
      return removalFacts(deps, judged)
    },
    commit: async (tx): Promise<Committed<undefined>> => {
      const now = await look(tx)
      refuseOtherRemoval(judged, now)
      const { target, policy } = now
      const { touched } = await raiseRevision(deps, tx, target)
      return {
        result: undefined,
        touched: [touched, ...(await deleteResourcePolicyRow(tx, policy))],
        functionNames: [asked.name],
      }
    },
  })
  return { decisionId: decision.id }
}

async function readHeld(deps: Deps, reader: Reader, asked: LocatedFunction) {
  const target = await readPolicyTarget(deps, reader, asked)
  const place = { owner: target.owner.id, qualifier: target.qualifier }
  const policy = await findResourcePolicy(reader, place)
  if (policy === undefined) throw noPolicy()
  return { target, policy }
}

function locate(deps: Deps, resourceArn: string): LocatedFunction {
  const asked = locateFunction(deps.place, { functionName: resourceArn })
  if (asked.qualifier !== LATEST) return asked
  throw new PlatformError(
    'INVALID_PARAMETER',
    'We currently do not support adding policies for $LATEST.',
  )
}

function refuseStale({ bearer }: PolicyTarget, revisionId: string | undefined): void {
  if (revisionId !== undefined && revisionId !== bearer.revisionId) throw revisionMismatch()
}
