import {
  EVERYTHING,
  functionRef,
  type Json,
  type ResourceKind,
  type ResourceRef,
} from '../../model/index.ts'

/** What a route of `/api/v1` is to authorization. */
interface RouteAction {
  readonly action: string
  /**
   * Kind, and the parameter of the path or member of the body that names it; all there is where left out. An alias is named by
   * `alias` beside it, a place by FUNCTION or FUNCTION:ALIAS in one.
   */
  readonly on?: readonly [kind: ResourceKind | 'Place', from: 'path' | 'body', name: string]
}

/** A route that this table does not know is governed as the rules themselves are: for administrators. */
const UNLISTED: RouteAction = { action: 'lacre:Unlisted' }

const publisher = ['Publisher', 'path', 'name'] as const
const policySet = ['PolicySet', 'path', 'kind'] as const
const alias = ['Alias', 'path', 'functionName'] as const
const asked = ['Alias', 'body', 'functionName'] as const
const place = ['Place', 'path', 'scope'] as const
const config = ['CodeSigningConfig', 'path', 'id'] as const
const object = (name: string): RouteAction['on'] => ['Object', 'path', name]

/** By method and path below `/api/v1`. */
export const ROUTE_ACTIONS: Readonly<Record<string, RouteAction>> = {
  'GET /openapi.json': { action: 'lacre:ReadApiDescription' },
  'GET /doctor': { action: 'lacre:ReadDoctor' },
  'GET /runtime': { action: 'lacre:ReadDoctor' },
  'GET /whoami': { action: 'lacre:WhoAmI' },
  'POST /console/links': { action: 'lacre:OpenConsole' },
  // decisions, the live set, the ledger
  'GET /decisions': { action: 'lacre:ListDecisions' },
  'GET /decisions/:id': { action: 'lacre:GetDecision' },
  'GET /live': { action: 'lacre:ReadLive' },
  'GET /live/:functionName/:alias': {
    action: 'lacre:ReadLiveHistory',
    on: ['Alias', 'path', 'functionName'],
  },
  'GET /evidence/:functionName/:alias': { action: 'lacre:ExportEvidence', on: alias },
  'GET /history/live': { action: 'lacre:ReadLive' },
  'GET /history/diff': { action: 'lacre:ReadLive' },
  'GET /history/where': { action: 'lacre:ReadLive' },
  'GET /history/functions/:functionName': {
    action: 'lacre:ReadLiveHistory',
    on: ['Function', 'path', 'functionName'],
  },
  'GET /ledger/checkpoint': { action: 'lacre:ReadLedger' },
  'GET /ledger/entries': { action: 'lacre:ReadLedger' },
  // what keeps the stored data sound and small
  'POST /gc': { action: 'lacre:CollectGarbage' },
  'POST /scrub': { action: 'lacre:Scrub' },
  'GET /scrub': { action: 'lacre:ReadDoctor' },
  'GET /ledger/proofs/consistency': { action: 'lacre:ReadLedger' },
  'GET /ledger/proofs/inclusion': { action: 'lacre:ReadLedger' },
  'GET /ledger/hold': { action: 'lacre:ReadLedger' },
  'POST /ledger/hold/release': { action: 'lacre:ReleaseLedger' },
  'GET /tlog': { action: 'lacre:ReadLedger' },
  // publishers and what they seal
  'GET /publishers': { action: 'lacre:ListPublishers' },
  'GET /publishers/:name': { action: 'lacre:GetPublisher', on: publisher },
  'POST /publishers': { action: 'lacre:CreatePublisher', on: ['Publisher', 'body', 'name'] },
  'POST /publishers/:name/versions': { action: 'lacre:PutPublisherVersion', on: publisher },
  'POST /publishers/:name/versions/:version/cancel': {
    action: 'lacre:CancelPublisherVersion',
    on: publisher,
  },
  'POST /publishers/:name/seals': { action: 'lacre:SealArtifact', on: publisher },
  'GET /revocations': { action: 'lacre:ListRevocations' },
  'POST /revocations': { action: 'lacre:Revoke' },
  'GET /code-signing-configs/:id/requirements': {
    action: 'lacre:GetSigningRequirements',
    on: config,
  },
  'PUT /code-signing-configs/:id/requirements': {
    action: 'lacre:PutSigningRequirements',
    on: config,
  },
  'PUT /artifacts/:sha256': { action: 'lacre:PutArtifact', on: object('sha256') },
  'PUT /artifacts/:sha256/seals': { action: 'lacre:AttachSeals', on: object('sha256') },
  'POST /artifacts/:sha256/seals': { action: 'lacre:AttachSeals', on: object('sha256') },
  'PUT /artifacts/:sha256/attestations': {
    action: 'lacre:AttachAttestation',
    on: object('sha256'),
  },
  'POST /artifacts/:sha256/attestations': {
    action: 'lacre:AttachAttestation',
    on: object('sha256'),
  },
  'GET /artifacts/:sha256/attestations': { action: 'lacre:ListAttestations' },
  'GET /artifacts/:sha256/attestations/:digest': { action: 'lacre:ListAttestations' },
  'GET /decisions/:id/vsa': { action: 'lacre:SummarizeDecision' },
  // policies and plans
  'POST /plans': { action: 'lacre:MakePlan' },
  'GET /policy-sets/:kind': { action: 'lacre:ListPolicySets' },
  'GET /policy-sets/:kind/in-force': { action: 'lacre:GetPolicySet', on: policySet },
  'GET /policy-sets/:kind/diff': { action: 'lacre:GetPolicySet', on: policySet },
  'GET /policy-sets/:kind/:version': { action: 'lacre:GetPolicySet', on: policySet },
  'POST /policy-sets/:kind': { action: 'lacre:ApplyPolicySet', on: policySet },
  'POST /policy-sets/:kind/rollback': { action: 'lacre:ApplyPolicySet', on: policySet },
  // approvals and break-glass
  'GET /approvals': { action: 'lacre:ListApprovals' },
  'GET /approvals/:id': { action: 'lacre:ListApprovals' },
  'POST /approvals': { action: 'lacre:RequestApproval', on: asked },
  'POST /approvals/:id/approve': { action: 'lacre:Approve', on: object('id') },
  'POST /approvals/:id/withdraw': { action: 'lacre:WithdrawApproval', on: object('id') },
  'GET /signer-owners': { action: 'lacre:ListSignerOwners' },
  'PUT /signer-owners': { action: 'lacre:MapSigner' },
  'GET /break-glass': { action: 'lacre:ListBreakGlass' },
  'GET /break-glass/:id': { action: 'lacre:ListBreakGlass' },
  'POST /break-glass': { action: 'lacre:RequestBreakGlass', on: asked },
  'POST /break-glass/:id/grant': { action: 'lacre:GrantBreakGlass', on: object('id') },
  'POST /break-glass/:id/end': { action: 'lacre:EndBreakGlass', on: object('id') },
  'POST /break-glass/:id/review': { action: 'lacre:ReviewBreakGlass', on: object('id') },
  // stages: freezes, promotion, floors, reach
  'GET /stages': { action: 'lacre:ReadStages' },
  'PUT /freezes/:scope': { action: 'lacre:PutFreeze', on: place },
  'POST /freezes/:scope/lift': { action: 'lacre:LiftFreeze', on: place },
  'PUT /freeze-windows/:name': { action: 'lacre:PutFreezeWindow', on: object('name') },
  'POST /freeze-windows/:name/remove': { action: 'lacre:RemoveFreezeWindow', on: object('name') },
  'PUT /promotion-rules/:scope': { action: 'lacre:PutPromotionRule', on: place },
  'POST /promotion-rules/:scope/remove': {
    action: 'lacre:RemovePromotionRule',
    on: place,
  },
  'PUT /floors/:functionName/:alias': { action: 'lacre:PutFloor', on: alias },
  'POST /floors/:functionName/:alias/remove': { action: 'lacre:RemoveFloor', on: alias },
  'POST /floors/:functionName/:alias/exceptions': {
    action: 'lacre:GrantFloorException',
    on: alias,
  },
  'POST /floors/:functionName/:alias/exceptions/:id/end': {
    action: 'lacre:EndFloorException',
    on: alias,
  },
  'GET /functions/:functionName/reach': {
    action: 'lacre:GetReach',
    on: ['Function', 'path', 'functionName'],
  },
  'PUT /functions/:functionName/reach': {
    action: 'lacre:PutReach',
    on: ['Function', 'path', 'functionName'],
  },
  'GET /functions/:functionName/egress': {
    action: 'lacre:GetEgress',
    on: ['Function', 'path', 'functionName'],
  },
  'PUT /functions/:functionName/egress': {
    action: 'lacre:PutEgress',
    on: ['Function', 'path', 'functionName'],
  },
  // what is done about what violates
  'GET /verification': { action: 'lacre:ReadLive' },
  'GET /reactions': { action: 'lacre:ReadReactions' },
  'GET /reactions/:scope/plan': { action: 'lacre:ReadReactions' },
  'PUT /reactions/:scope': { action: 'lacre:PutReaction', on: place },
  'POST /reactions/:scope/remove': { action: 'lacre:RemoveReaction', on: place },
  'POST /reaction-holds/:id/release': { action: 'lacre:SettleReactions', on: object('id') },
  'POST /reaction-holds/:id/dismiss': { action: 'lacre:SettleReactions', on: object('id') },
  'POST /refusals/:functionName/:version/lift': {
    action: 'lacre:LiftRefusal',
    on: ['Function', 'path', 'functionName'],
  },
  // what functions wrote, and what it cost
  'GET /functions/:functionName/logs': {
    action: 'lacre:ReadLogs',
    on: ['Function', 'path', 'functionName'],
  },
  'GET /usage': { action: 'lacre:ReadUsage' },
  'GET /usage/latency': { action: 'lacre:ReadUsage' },
  'GET /usage/attempts': { action: 'lacre:ReadUsage' },
  // asynchronous events, whose payloads these show
  'GET /events': { action: 'lacre:ReadEvents' },
  'GET /events/:id': { action: 'lacre:ReadEvents' },
  'POST /events/replay': { action: 'lacre:ReplayEvents' },
  'POST /events/purge': { action: 'lacre:PurgeEvents' },
  'POST /events/:id/replay': { action: 'lacre:ReplayEvents' },
  'POST /events/:id/purge': { action: 'lacre:PurgeEvents' },
  'GET /event-queues': { action: 'lacre:ReadEventQueues' },
  'GET /event-queues/messages': { action: 'lacre:ReadEventQueues' },
  'POST /event-queues/messages/delete': { action: 'lacre:DeleteQueueMessages' },
  // webhooks
  'GET /webhooks': { action: 'lacre:ListWebhooks' },
  'GET /webhooks/:name': { action: 'lacre:GetWebhook', on: object('name') },
  'GET /webhooks/:name/deliveries': { action: 'lacre:ListWebhookDeliveries', on: object('name') },
  'POST /webhooks': { action: 'lacre:CreateWebhook' },
  'POST /webhooks/:name/disable': { action: 'lacre:DisableWebhook', on: object('name') },
  'POST /webhooks/:name/enable': { action: 'lacre:EnableWebhook', on: object('name') },
  'POST /webhooks/:name/delete': { action: 'lacre:DeleteWebhook', on: object('name') },
  'POST /webhooks/:name/rotate-secret': {
    action: 'lacre:RotateWebhookSecret',
    on: object('name'),
  },
  'POST /webhooks/:name/test': { action: 'lacre:TestWebhook', on: object('name') },
  'POST /webhooks/:name/redeliver': { action: 'lacre:RedeliverWebhook', on: object('name') },
  // who may do what
  'GET /access-keys': { action: 'lacre:ListAccessKeys' },
  'POST /access-keys': { action: 'lacre:CreateAccessKey' },
  'POST /access-keys/:id/disable': { action: 'lacre:DisableAccessKey', on: object('id') },
  'GET /principals': { action: 'lacre:ListPrincipals' },
  'POST /principals': { action: 'lacre:CreatePrincipal' },
  'GET /principals/:id': { action: 'lacre:GetPrincipal', on: object('id') },
  'POST /principals/:id/disable': { action: 'lacre:DisablePrincipal', on: object('id') },
  'POST /principals/:id/enable': { action: 'lacre:EnablePrincipal', on: object('id') },
  'POST /principals/:id/roles': { action: 'lacre:GrantRole', on: object('id') },
  'POST /principals/:id/roles/:role/revoke': { action: 'lacre:RevokeRole', on: object('id') },
  'GET /roles': { action: 'lacre:ListRoles' },
  'GET /roles/:name': { action: 'lacre:GetRole', on: object('name') },
}

/** The question that a request of this route is, before its body is read; no resource where only the body has it. */
export function routeAction(
  route: string,
  params: unknown,
): { readonly action: string; readonly resource: ResourceRef | undefined } {
  const { action, on } = Object.hasOwn(ROUTE_ACTIONS, route)
    ? (ROUTE_ACTIONS[route] ?? UNLISTED)
    : UNLISTED
  if (on === undefined) return { action, resource: EVERYTHING }
  const [kind, from, name] = on
  if (from === 'body') return { action, resource: undefined }
  return { action, resource: refOf(kind, name, params) }
}

/** What the body names, where `routeAction` could not say. */
export function routeBodyResource(route: string, body: Json | undefined): ResourceRef | undefined {
  const [kind, from, name] = ROUTE_ACTIONS[route]?.on ?? []
  if (kind === undefined || from !== 'body') return undefined
  return refOf(kind, name ?? '', body)
}

function refOf(kind: ResourceKind | 'Place', name: string, from: unknown): ResourceRef {
  const text = textOf(from, name)
  if (kind === 'Alias') return functionRef(text, textOf(from, 'alias'))
  return kind === 'Place' ? placeRef(text) : { kind, name: text }
}

/** One function or alias; a pattern over several is none of them. */
function placeRef(text: string): ResourceRef {
  const [, name, alias] = /^([\w-]+)(?::([\w-]+))?$/.exec(text) ?? []
  return name === undefined ? { kind: 'Object', name: text } : functionRef(name, alias)
}

function textOf(value: unknown, name: string): string {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return ''
  const text: unknown = (value as Record<string, unknown>)[name]
  return typeof text === 'string' ? text : ''
}
