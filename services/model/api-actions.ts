/**
 * Every operation of the APIs as authorization knows it: AWS's by AWS's names, ours as `lacre:Name`, each in one group
 * and on the kinds of thing that it is done to. The schema of the authorization set says the same, and so do the tables
 * of routes; tests hold all of them together.
 */
export type ActionGroup =
  | 'read'
  | 'deploy'
  | 'activate'
  | 'invoke'
  // what functions wrote: whatever they were given may stand in it
  | 'logs'
  | 'approve'
  // takes back what one asked for, approved or was granted
  | 'withdraw'
  // what is governed, in three parts: whom to trust, who may do what, and the rules themselves
  | 'trust'
  | 'access'
  | 'rules'

export type ResourceKind =
  'Function' | 'Alias' | 'Layer' | 'Publisher' | 'PolicySet' | 'CodeSigningConfig' | 'Object'

export interface ApiAction {
  readonly name: string
  readonly group: ActionGroup
  readonly on: readonly ResourceKind[]
}

/** The parts of `govern`. */
export const GOVERN_GROUPS: readonly ActionGroup[] = ['trust', 'access', 'rules']

interface Row {
  readonly group: ActionGroup
  readonly on: readonly ResourceKind[]
  readonly names: string
}

const FUNCTION: readonly ResourceKind[] = ['Function', 'Alias']
const OBJECT: readonly ResourceKind[] = ['Object']

const ROWS: readonly Row[] = [
  // read
  {
    group: 'read',
    on: FUNCTION,
    names: `lambda:GetAlias lambda:GetFunction lambda:GetFunctionCodeSigningConfig lambda:GetFunctionConcurrency
      lambda:GetFunctionConfiguration lambda:GetFunctionEventInvokeConfig lambda:GetFunctionRecursionConfig
      lambda:GetFunctionScalingConfig lambda:GetFunctionUrlConfig lambda:GetPolicy
      lambda:GetProvisionedConcurrencyConfig lambda:GetRuntimeManagementConfig lambda:ListAliases
      lambda:ListDurableExecutionsByFunction lambda:ListFunctionEventInvokeConfigs lambda:ListFunctionUrlConfigs
      lambda:ListProvisionedConcurrencyConfigs lambda:ListVersionsByFunction lacre:ReadLiveHistory
      lacre:GetReach lacre:GetEgress lacre:ExportEvidence`,
  },
  {
    group: 'read',
    on: OBJECT,
    names: `lambda:GetAccountSettings lambda:GetCapacityProvider lambda:GetDurableExecution
      lambda:GetDurableExecutionHistory lambda:GetDurableExecutionState
      lambda:ListCapacityProviders lambda:ListCodeSigningConfigs lambda:ListEventSourceMappings
      lambda:ListFunctionVersionsByCapacityProvider lambda:ListFunctions lambda:ListLayers
      signer:DescribeSigningJob signer:GetRevocationStatus signer:GetSigningPlatform signer:ListSigningJobs
      signer:ListSigningPlatforms signer:ListSigningProfiles lacre:ListPublishers lacre:ListRevocations
      lacre:ListDecisions lacre:GetDecision lacre:ReadLive lacre:ReadDoctor lacre:ReadLedger
      lacre:ReadApiDescription lacre:ListAccessKeys lacre:ListPrincipals lacre:GetPrincipal lacre:ListRoles
      lacre:GetRole lacre:WhoAmI lacre:ReadObject lacre:ListPolicySets
      lacre:MakePlan lacre:ListApprovals lacre:ListSignerOwners lacre:ListBreakGlass lacre:ReadStages lacre:ReadReactions
      lacre:ListAttestations lacre:ListWebhooks lacre:GetWebhook lacre:ListWebhookDeliveries
      lacre:SummarizeDecision lacre:ReadUsage lacre:OpenConsole`,
  },
  {
    group: 'read',
    on: ['Function', 'Alias', 'Object'],
    names: 'lambda:GetEventSourceMapping',
  },
  {
    group: 'read',
    on: ['Layer'],
    names: 'lambda:GetLayerVersion lambda:GetLayerVersionPolicy lambda:ListLayerVersions',
  },
  { group: 'read', on: ['Layer', 'Object'], names: 'lambda:GetLayerVersionByArn' },
  {
    group: 'read',
    on: ['Function', 'Alias', 'Layer', 'Object'],
    names: 'lambda:GetResourcePolicy',
  },
  {
    group: 'read',
    on: ['Function', 'Alias', 'Layer', 'CodeSigningConfig', 'Object'],
    names: 'lambda:ListTags',
  },
  {
    group: 'read',
    on: ['CodeSigningConfig'],
    names:
      'lambda:GetCodeSigningConfig lambda:ListFunctionsByCodeSigningConfig lacre:GetSigningRequirements',
  },
  {
    group: 'read',
    on: ['Publisher'],
    names: 'lacre:GetPublisher signer:GetSigningProfile signer:ListProfilePermissions',
  },
  { group: 'read', on: ['Publisher', 'Object'], names: 'signer:ListTagsForResource' },
  { group: 'read', on: ['PolicySet'], names: 'lacre:GetPolicySet' },
  // logs
  {
    group: 'logs',
    on: [...FUNCTION, 'Object'],
    names: 'logs:DescribeLogStreams logs:FilterLogEvents logs:GetLogEvents',
  },
  { group: 'logs', on: FUNCTION, names: 'lacre:ReadLogs' },
  { group: 'logs', on: OBJECT, names: 'logs:DescribeLogGroups' },
  // deploy: what code there is, and how it runs
  {
    group: 'deploy',
    on: FUNCTION,
    names: `lambda:CreateFunction lambda:DeleteFunction lambda:DeleteFunctionConcurrency
      lambda:DeleteFunctionEventInvokeConfig lambda:PublishVersion lambda:PutFunctionConcurrency
      lambda:PutFunctionEventInvokeConfig lambda:PutFunctionRecursionConfig lambda:PutFunctionScalingConfig
      lambda:PutRuntimeManagementConfig lambda:UpdateFunctionCode lambda:UpdateFunctionConfiguration
      lambda:UpdateFunctionEventInvokeConfig lacre:PutEgress`,
  },
  {
    group: 'deploy',
    on: ['Layer'],
    names: 'lambda:PublishLayerVersion lambda:DeleteLayerVersion',
  },
  {
    group: 'deploy',
    on: OBJECT,
    names: `lambda:CreateCapacityProvider lambda:DeleteCapacityProvider lambda:UpdateCapacityProvider
      lambda:CheckpointDurableExecution lambda:StopDurableExecution lambda:SendDurableExecutionCallbackFailure
      lambda:SendDurableExecutionCallbackHeartbeat lambda:SendDurableExecutionCallbackSuccess
      lacre:PutArtifact lacre:AttachSeals lacre:AttachAttestation lacre:ReadEvents lacre:ReplayEvents
      lacre:PurgeEvents lacre:ReadEventQueues lacre:DeleteQueueMessages`,
  },
  // activate: what of it can be reached
  {
    group: 'activate',
    on: FUNCTION,
    names: `lambda:CreateAlias lambda:UpdateAlias lambda:DeleteAlias lambda:CreateFunctionUrlConfig
      lambda:UpdateFunctionUrlConfig lambda:DeleteFunctionUrlConfig lambda:PutProvisionedConcurrencyConfig
      lambda:DeleteProvisionedConcurrencyConfig lambda:AddPermission lambda:RemovePermission`,
  },
  {
    group: 'activate',
    on: ['Function', 'Alias', 'Object'],
    names: `lambda:CreateEventSourceMapping lambda:UpdateEventSourceMapping lambda:DeleteEventSourceMapping`,
  },
  {
    group: 'activate',
    on: ['Function', 'Alias', 'Layer', 'Object'],
    names: 'lambda:PutResourcePolicy lambda:DeleteResourcePolicy',
  },
  {
    group: 'activate',
    on: ['Layer'],
    names: 'lambda:AddLayerVersionPermission lambda:RemoveLayerVersionPermission',
  },
  // invoke
  {
    group: 'invoke',
    on: FUNCTION,
    names: `lambda:InvokeFunction lambda:InvokeAsync lambda:InvokeWithResponseStream lambda:InvokeFunctionUrl`,
  },
  {
    group: 'activate',
    on: [...FUNCTION, 'Object'],
    names: 'lacre:RequestApproval lacre:RequestBreakGlass',
  },
  // approve: people alone
  {
    group: 'approve',
    on: [...FUNCTION, 'Object'],
    names: 'lacre:Approve lacre:GrantBreakGlass lacre:ReviewBreakGlass',
  },
  // withdraw: what was one's own, which the operation looks at
  {
    group: 'withdraw',
    on: [...FUNCTION, 'Object'],
    names: 'lacre:WithdrawApproval lacre:EndBreakGlass',
  },
  // trust: whose code, and under which checks
  {
    group: 'trust',
    on: ['CodeSigningConfig', 'Object'],
    names: `lambda:CreateCodeSigningConfig lambda:UpdateCodeSigningConfig lambda:DeleteCodeSigningConfig
      lacre:PutSigningRequirements`,
  },
  {
    group: 'trust',
    on: FUNCTION,
    names: 'lambda:PutFunctionCodeSigningConfig lambda:DeleteFunctionCodeSigningConfig',
  },
  {
    group: 'trust',
    on: ['Publisher', 'Object'],
    names: `signer:PutSigningProfile signer:CancelSigningProfile signer:RevokeSigningProfile
      signer:AddProfilePermission signer:RemoveProfilePermission signer:TagResource signer:UntagResource
      signer:SignPayload signer:StartSigningJob signer:RevokeSignature lacre:CreatePublisher
      lacre:PutPublisherVersion lacre:CancelPublisherVersion lacre:SealArtifact lacre:Revoke`,
  },
  // access: who may do what; tags are among it, for policies may read them
  {
    group: 'access',
    on: ['Function', 'Alias', 'Layer', 'CodeSigningConfig', 'Object'],
    names: 'lambda:TagResource lambda:UntagResource',
  },
  {
    group: 'access',
    on: OBJECT,
    names: `lacre:CreateAccessKey lacre:DisableAccessKey lacre:CreatePrincipal lacre:DisablePrincipal
      lacre:EnablePrincipal lacre:GrantRole lacre:RevokeRole lacre:MapSigner`,
  },
  // rules: policy sets and what else decides; routes that no table knows are among these
  {
    group: 'rules',
    on: ['Function', 'Alias', 'PolicySet', 'Object'],
    names: `lacre:ApplyPolicySet lacre:PutFreeze lacre:LiftFreeze lacre:PutFreezeWindow lacre:RemoveFreezeWindow
      lacre:PutPromotionRule lacre:RemovePromotionRule lacre:PutFloor lacre:RemoveFloor lacre:GrantFloorException
      lacre:EndFloorException lacre:PutReach lacre:PutReaction lacre:RemoveReaction lacre:SettleReactions
      lacre:LiftRefusal lacre:CreateWebhook lacre:DisableWebhook lacre:EnableWebhook lacre:DeleteWebhook lacre:RotateWebhookSecret lacre:TestWebhook lacre:RedeliverWebhook
      lacre:CollectGarbage lacre:Scrub
      lacre:ReleaseLedger
      lacre:Unlisted`,
  },
]

/** By name; a name that is not here is no operation. */
export const API_ACTIONS: ReadonlyMap<string, ApiAction> = new Map(
  ROWS.flatMap(({ group, on, names }) =>
    names
      .trim()
      .split(/\s+/)
      .map((name) => [name, { name, group, on }]),
  ),
)

/** One thing that an operation is done to. */
export interface ResourceRef {
  readonly kind: ResourceKind
  /** A function's, layer's, publisher's name; a config's id; of an object whatever names it, `*` for all there is. */
  readonly name: string
  /** Of an alias: its own name, `name` being its function's. */
  readonly alias?: string
}

/** What has no name of its own: lists, the account, the service. */
export const EVERYTHING: ResourceRef = { kind: 'Object', name: '*' }

/** A function, or the alias of it that a qualifier means: versions are numbers and `$LATEST`. */
export function functionRef(name: string, qualifier?: string): ResourceRef {
  const isAlias = qualifier !== undefined && !/^(?:\d+|\$LATEST(?:\.PUBLISHED)?)$/.test(qualifier)
  return isAlias ? { kind: 'Alias', name, alias: qualifier } : { kind: 'Function', name }
}

/** What an ARN names; all that is none of ours is an object by its whole name. */
export function refOfArn(arn: string): ResourceRef {
  const [, , service, , , kind, name, qualifier] = arn.split(':')
  if (service === 'lambda' && name !== undefined) {
    if (kind === 'function') return functionRef(name, qualifier)
    if (kind === 'layer') return { kind: 'Layer', name }
    if (kind === 'code-signing-config') return { kind: 'CodeSigningConfig', name }
  }
  const profile = service === 'signer' ? /^\/signing-profiles\/(\w{2,64})/.exec(kind ?? '') : null
  if (profile?.[1] !== undefined) return { kind: 'Publisher', name: profile[1] }
  const set = service === 'lacre' && kind === 'policy-set' ? name : undefined
  if (set !== undefined) return { kind: 'PolicySet', name: set }
  return { kind: 'Object', name: arn }
}

/** By which action an object is read: whoever may not do that may not read what names it either (RULES §10). */
export const READ_ACTION: Readonly<Record<ResourceKind, string>> = {
  Function: 'lambda:GetFunction',
  Alias: 'lambda:GetAlias',
  Layer: 'lambda:GetLayerVersion',
  Publisher: 'lacre:GetPublisher',
  PolicySet: 'lacre:GetPolicySet',
  CodeSigningConfig: 'lambda:GetCodeSigningConfig',
  Object: 'lacre:ReadObject',
}
