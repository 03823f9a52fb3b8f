import type { Json } from '../../model/index.ts'
import {
  addLayerVersionPermission,
  addPermission,
  getLayerVersionPolicy,
  getPolicy,
  removeLayerVersionPermission,
  removePermission,
  type Deps,
  type PolicyAnswer,
} from '../../operations/index.ts'
import { decided } from './answers.ts'
import { anchored, checkFunctionName, checkQualifier, readAsked } from './function-name.ts'
import type { LambdaAnswer, LambdaHandlers, LambdaRequest } from './handler.ts'
import { readNumbered } from './layers.ts'
import { booleanMember, queryMember, textMember } from './members.ts'
import { ConstraintCheck } from './validation.ts'

/** As AWS prints them; the first is recorded. */
const STATEMENT_ID = '([a-zA-Z0-9-_]+)'
const REMOVED_STATEMENT_ID = '([a-zA-Z0-9-_.]+)'
const ACTION = '(lambda:[*]|lambda:[a-zA-Z]+|[*])'
const LAYER_ACTION = 'lambda:GetLayerVersion'
const PRINCIPAL = '[^\\s]+'
const LAYER_PRINCIPAL = '\\d{12}|\\*|arn:(aws[a-zA-Z-]*):iam::\\d{12}:root'
const SOURCE_ARN =
  'arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\\-])+:((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1})?:(\\d{12})?:(.*)'
const ORGANIZATION = 'o-[a-z0-9]{10,32}'

/** Resource policies of functions and layer versions, statement by statement. */
export function permissionHandlers(deps: Deps): LambdaHandlers {
  return {
    AddPermission: (request) => add(deps, request),
    RemovePermission: async (request) => {
      const check = new ConstraintCheck()
      const statementId = checkRemovedId(check, request, REMOVED_STATEMENT_ID)
      const { decisionId } = await removePermission(deps, request.caller, {
        ...readAsked(check, request),
        statementId,
        revisionId: queryMember(request, 'RevisionId'),
      })
      return { status: 204, ...decided(decisionId) }
    },
    GetPolicy: async (request) => {
      const asked = readAsked(new ConstraintCheck(), request)
      return { status: 200, body: policyBody(await getPolicy(deps, asked)) }
    },
    AddLayerVersionPermission: (request) => addToLayer(deps, request),
    RemoveLayerVersionPermission: async (request) => {
      const check = new ConstraintCheck()
      const statementId = checkRemovedId(check, request, STATEMENT_ID)
      const { decisionId } = await removeLayerVersionPermission(deps, request.caller, {
        ...readNumbered(request, check),
        statementId,
        revisionId: queryMember(request, 'RevisionId'),
      })
      return { status: 204, ...decided(decisionId) }
    },
    GetLayerVersionPolicy: async (request) => {
      const policy = await getLayerVersionPolicy(deps, readNumbered(request))
      return { status: 200, body: policyBody(policy) }
    },
  }
}

async function add(deps: Deps, request: LambdaRequest): Promise<LambdaAnswer> {
  const { json } = request
  const check = new ConstraintCheck()
  const qualifier = queryMember(request, 'Qualifier')
  checkQualifier(check, qualifier)
  const functionName = request.path['FunctionName'] ?? ''
  checkFunctionName(check, functionName, 'strict')
  const { statementId, action, principal } = readGrant(check, request, {
    action: ACTION,
    principal: PRINCIPAL,
    principalMax: 2_048,
  })
  const sourceArn = optional(check, request, ['SourceArn', SOURCE_ARN, { max: 10_000 }])
  const sourceAccount = optional(check, request, ['SourceAccount', '\\d{12}', { max: 12 }])
  const eventSourceToken = optional(check, request, [
    'EventSourceToken',
    '[a-zA-Z0-9._\\-]+',
    { max: 256 },
  ])
  const principalOrgId = optional(check, request, [
    'PrincipalOrgID',
    ORGANIZATION,
    { min: 12, max: 34 },
  ])
  const functionUrlAuthType = textMember(json, 'FunctionUrlAuthType')
  check.oneOf('functionUrlAuthType', functionUrlAuthType, ['NONE', 'AWS_IAM'])
  const invokedViaFunctionUrl =
    (json['InvokedViaFunctionUrl'] ?? null) === null
      ? undefined
      : booleanMember(json, 'InvokedViaFunctionUrl')
  check.finish()
  const { statement, decisionId } = await addPermission(deps, request.caller, {
    functionName,
    qualifier,
    statementId,
    revisionId: textMember(json, 'RevisionId'),
    grant: {
      action,
      principal,
      sourceArn,
      sourceAccount,
      eventSourceToken,
      principalOrgId,
      functionUrlAuthType,
      invokedViaFunctionUrl,
    },
  })
  return { status: 201, body: { Statement: JSON.stringify(statement) }, ...decided(decisionId) }
}

async function addToLayer(deps: Deps, request: LambdaRequest): Promise<LambdaAnswer> {
  const check = new ConstraintCheck()
  const { statementId, action, principal } = readGrant(check, request, {
    action: LAYER_ACTION,
    principal: LAYER_PRINCIPAL,
    principalMax: 10_000,
  })
  const principalOrgId = optional(check, request, ['OrganizationId', ORGANIZATION, { max: 34 }])
  const added = await addLayerVersionPermission(deps, request.caller, {
    ...readNumbered(request, check),
    statementId,
    revisionId: queryMember(request, 'RevisionId'),
    grant: { action, principal, principalOrgId },
  })
  return {
    status: 201,
    body: { Statement: JSON.stringify(added.statement), RevisionId: added.revisionId },
    ...decided(added.decisionId),
  }
}

interface Patterns {
  readonly action: string
  readonly principal: string
  readonly principalMax: number
}

function readGrant(
  check: ConstraintCheck,
  { json }: LambdaRequest,
  patterns: Patterns,
): { readonly statementId: string; readonly action: string; readonly principal: string } {
  const statementId = textMember(json, 'StatementId')
  if (check.required('statementId', statementId)) {
    check.length('statementId', statementId, { min: 1, max: 100 })
    check.pattern('statementId', statementId, anchored(STATEMENT_ID), STATEMENT_ID)
  }
  const action = textMember(json, 'Action')
  if (check.required('action', action))
    check.pattern('action', action, anchored(patterns.action), patterns.action)
  const principal = textMember(json, 'Principal')
  if (check.required('principal', principal)) {
    check.length('principal', principal, { max: patterns.principalMax })
    check.pattern('principal', principal, anchored(patterns.principal), patterns.principal)
  }
  return { statementId: statementId ?? '', action: action ?? '', principal: principal ?? '' }
}

function optional(
  check: ConstraintCheck,
  { json }: LambdaRequest,
  [name, pattern, bounds]: readonly [
    string,
    string,
    { readonly min?: number; readonly max: number },
  ],
): string | undefined {
  const value = textMember(json, name)
  const at = `${name.charAt(0).toLowerCase()}${name.slice(1)}`
  check.length(at, value, bounds)
  check.pattern(at, value, anchored(pattern), pattern)
  return value
}

function checkRemovedId(check: ConstraintCheck, request: LambdaRequest, pattern: string): string {
  const statementId = request.path['StatementId'] ?? ''
  check.length('statementId', statementId, { min: 1, max: 100 })
  check.pattern('statementId', statementId, anchored(pattern), pattern)
  return statementId
}

/** A policy is JSON text inside the JSON of the answer. */
export function policyBody(policy: PolicyAnswer): Json {
  return { Policy: policy.document, RevisionId: policy.revisionId }
}
