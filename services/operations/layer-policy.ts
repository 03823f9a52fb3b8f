import {
  deleteResourcePolicyRow,
  findLayerVersion,
  findResourcePolicy,
  putResourcePolicyRow,
  type LayerVersionRecord,
  type ResourcePolicy,
  type TouchedRow,
} from '../catalog/index.ts'
import { PlatformError, layerVersionArn } from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import type { ChangeFactsInput } from './change.ts'
import type { Caller, Deps } from './context.ts'
import { leaving } from './delete-function.ts'
import type { PolicyAnswer } from './function-policy.ts'
import { govern, type Committed } from './gate.ts'
import { locateLayer, refuseBelowOne } from './layer-reference.ts'
import {
  noPolicy,
  noteOf,
  refuseTakenSid,
  statementsOf,
  toDocument,
  toStatement,
  withoutStatement,
  type Grant,
  type Statement,
} from './policy-document.ts'

export interface LayerAsked {
  /** A name or an ARN of this place. */
  readonly layerName: string
  readonly version: number
}

interface Found {
  readonly layer: LayerVersionRecord
  readonly policy: ResourcePolicy | undefined
}

/**
 * Lets others take a layer version: judged over its bytes, as they would run elsewhere. Order as recorded (TestLambdaLayer).
 * @throws PlatformError RESOURCE_NOT_FOUND, RESOURCE_CONFLICT, PRECONDITION_FAILED, and what the gate throws
 */
export async function addLayerVersionPermission(
  deps: Deps,
  caller: Caller,
  input: LayerAsked & {
    readonly statementId: string
    readonly grant: Pick<Grant, 'action' | 'principal' | 'principalOrgId'>
    readonly revisionId?: string | undefined
  },
): Promise<{
  readonly statement: Statement
  readonly revisionId: string
  readonly decisionId: string
}> {
  const arn = arnOf(deps, input)
  const statement = toStatement(input.statementId, arn, input.grant)
  const revisionId = deps.random.uuid()
  const look = async (reader: Reader) => {
    const found = await readFound(reader, arn)
    const statements = statementsOf(found.policy?.document)
    refuseTakenSid(statements, input.statementId)
    refuseStale(found, input.revisionId)
    return { ...found, document: toDocument([...statements, statement], found.policy?.document) }
  }
  const { decision } = await govern(deps, caller, {
    action: 'lambda:AddLayerVersionPermission',
    resource: arn,
    raisesWorld: false,
    read: async (reader) => layerFacts((await look(reader)).layer),
    commit: async (tx, admitted): Promise<Committed<undefined>> => {
      const { document } = await look(tx)
      const policy = { owner: arn, qualifier: '', document, revisionId }
      const row = await putResourcePolicyRow(tx, { ...policy, decisionId: admitted.decision.id })
      return { result: undefined, touched: [row] }
    },
    note: () => noteOf(statement),
  })
  return { statement, revisionId, decisionId: decision.id }
}

/** Leaving, always allowed (promise P5). @throws PlatformError RESOURCE_NOT_FOUND, PRECONDITION_FAILED */
export async function removeLayerVersionPermission(
  deps: Deps,
  caller: Caller,
  input: LayerAsked & {
    readonly statementId: string
    readonly revisionId?: string | undefined
  },
): Promise<{ readonly decisionId: string }> {
  const arn = arnOf(deps, input)
  const revisionId = deps.random.uuid()
  const look = async (reader: Reader) => {
    const found = await readFound(reader, arn)
    if (found.policy === undefined) throw noPolicy()
    refuseStale(found, input.revisionId)
    const statements = withoutStatement(statementsOf(found.policy.document), input.statementId)
    return { policy: found.policy, statements }
  }
  const { decision } = await govern(deps, caller, {
    action: 'lambda:RemoveLayerVersionPermission',
    resource: arn,
    raisesWorld: false,
    read: async (reader) => {
      await look(reader)
      return leaving(input.statementId)
    },
    commit: async (tx, admitted): Promise<Committed<undefined>> => {
      const { policy, statements } = await look(tx)
      const next = { ...policy, revisionId, decisionId: admitted.decision.id }
      const rows: TouchedRow[] =
        statements.length === 0
          ? await deleteResourcePolicyRow(tx, policy)
          : [
              await putResourcePolicyRow(tx, {
                ...next,
                document: toDocument(statements, policy.document),
              }),
            ]
      return { result: undefined, touched: rows }
    },
    note: () => ({ statement: input.statementId }),
  })
  return { decisionId: decision.id }
}

/** @throws PlatformError RESOURCE_NOT_FOUND */
export async function getLayerVersionPolicy(deps: Deps, asked: LayerAsked): Promise<PolicyAnswer> {
  const arn = arnOf(deps, asked)
  const { policy } = await deps.store.snapshot((reader) => readFound(reader, arn))
  if (policy === undefined) throw noPolicy()
  return { document: policy.document, revisionId: policy.revisionId }
}

function arnOf(deps: Deps, { layerName, version }: LayerAsked): string {
  const name = locateLayer(deps.place, layerName)
  refuseBelowOne(version)
  return layerVersionArn(deps.place, name, version)
}

async function readFound(reader: Reader, arn: string): Promise<Found> {
  const layer = await findLayerVersion(reader, arn)
  if (layer === undefined)
    throw new PlatformError('RESOURCE_NOT_FOUND', `Layer version ${arn} does not exist.`)
  return { layer, policy: await findResourcePolicy(reader, { owner: arn, qualifier: '' }) }
}

function refuseStale({ policy }: Found, revisionId: string | undefined): void {
  if (revisionId === undefined || revisionId === policy?.revisionId) return
  throw new PlatformError(
    'PRECONDITION_FAILED',
    'The Revision Id provided does not match the latest Revision Id. Call the GetLayerPolicy API to retrieve the latest Revision Id',
  )
}

function layerFacts(layer: LayerVersionRecord): ChangeFactsInput {
  const { arn, name, artifact, version } = layer
  return {
    change: { from: null, to: String(version) },
    release: null,
    subjects: [{ kind: 'layer', arn, name, codeSha256: artifact.codeSha256 }],
    codeSigningConfigId: null,
    environmentNames: [],
  }
}
