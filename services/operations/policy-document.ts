import { PlatformError, type Json } from '../model/index.ts'

/** One statement as AWS prints it: these members, in this order. */
export type Statement = { readonly [member: string]: Json }

/** What AddPermission asks for beside function and statement id. */
export interface Grant {
  readonly action: string
  readonly principal: string
  readonly sourceArn?: string | undefined
  readonly sourceAccount?: string | undefined
  readonly principalOrgId?: string | undefined
  readonly eventSourceToken?: string | undefined
  readonly functionUrlAuthType?: string | undefined
  readonly invokedViaFunctionUrl?: boolean | undefined
}

/** AWS: a resource policy. */
const POLICY_LIMIT_BYTES = 20_480

/** @throws PlatformError INVALID_PARAMETER: a principal that is neither service, account, ARN nor everybody */
export function toStatement(sid: string, resource: string, grant: Grant): Statement {
  const condition = toCondition(grant)
  return {
    Sid: sid,
    Effect: 'Allow',
    Principal: toPrincipal(grant.principal),
    Action: grant.action,
    Resource: resource,
    ...(Object.keys(condition).length === 0 ? {} : { Condition: condition }),
  }
}

function toPrincipal(principal: string): Json {
  if (principal === '*') return '*'
  if (/^\d{12}$/.test(principal)) return { AWS: `arn:aws:iam::${principal}:root` }
  if (/^arn:aws[a-z-]*:(iam|sts)::\d{12}:.+$/.test(principal)) return { AWS: principal }
  // Alexa's is `alexa-appkit.amazon.com`, China's end in `.amazonaws.com.cn`.
  if (/^[a-z0-9.-]+\.(amazonaws\.com(\.cn)?|amazon\.com)$/.test(principal))
    return { Service: principal }
  throw new PlatformError(
    'INVALID_PARAMETER',
    'The provided principal was invalid. Please check the principal and try again.',
  )
}

/** Operators and keys spelt as AWS spells them in its answers (recorded: TestLambdaPermissions). */
function toCondition(grant: Grant): { readonly [operator: string]: Json } {
  const equals = given({
    'AWS:SourceAccount': grant.sourceAccount,
    'lambda:EventSourceToken': grant.eventSourceToken,
    'lambda:FunctionUrlAuthType': grant.functionUrlAuthType,
    'aws:PrincipalOrgID': grant.principalOrgId,
  })
  const { sourceArn, invokedViaFunctionUrl } = grant
  return {
    ...(Object.keys(equals).length === 0 ? {} : { StringEquals: equals }),
    ...(sourceArn === undefined ? {} : { ArnLike: { 'AWS:SourceArn': sourceArn } }),
    ...(invokedViaFunctionUrl === undefined
      ? {}
      : { Bool: { 'lambda:InvokedViaFunctionUrl': String(invokedViaFunctionUrl) } }),
  }
}

function given(members: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const found: Record<string, string> = {}
  for (const [name, value] of Object.entries(members)) if (value !== undefined) found[name] = value
  return found
}

/** The statements of a policy that is kept; none without one. */
export function statementsOf(document: string | undefined): readonly Statement[] {
  return document === undefined ? [] : parse(document).Statement
}

/** A document that was written by `toDocument`. */
function parse(document: string): { readonly Statement: readonly Statement[] } {
  return JSON.parse(document) as { readonly Statement: readonly Statement[] }
}

/** @throws PlatformError RESOURCE_CONFLICT (recorded): statement ids are unique within one policy */
export function refuseTakenSid(statements: readonly Statement[], sid: string): void {
  if (!statements.some((statement) => statement['Sid'] === sid)) return
  throw new PlatformError(
    'RESOURCE_CONFLICT',
    `The statement id (${sid}) provided already exists. Please provide a new statement id, or remove the existing statement.`,
  )
}

/** The others. @throws PlatformError RESOURCE_NOT_FOUND (recorded) */
export function withoutStatement(
  statements: readonly Statement[],
  sid: string,
): readonly Statement[] {
  const others = statements.filter((statement) => statement['Sid'] !== sid)
  if (others.length < statements.length) return others
  throw new PlatformError('RESOURCE_NOT_FOUND', `Statement ${sid} is not found in resource policy.`)
}

/**
 * In the frame of the policy that is there, or AWS's own.
 * @throws PlatformError QUOTA_EXCEEDED, as AWS's PolicyLengthExceededException
 */
export function toDocument(statements: readonly Statement[], before?: string): string {
  const frame = before === undefined ? { Version: '2012-10-17', Id: 'default' } : parse(before)
  const document = JSON.stringify({ ...frame, Statement: statements })
  const bytes = Buffer.byteLength(document)
  if (bytes <= POLICY_LIMIT_BYTES) return document
  throw new PlatformError(
    'QUOTA_EXCEEDED',
    `The final policy size (${bytes}) is bigger than the limit (${POLICY_LIMIT_BYTES}).`,
    { detail: { awsType: 'PolicyLengthExceededException' } },
  )
}

/** Recorded, of layers and functions alike. */
export function noPolicy(): PlatformError {
  return new PlatformError('RESOURCE_NOT_FOUND', 'No policy is associated with the given resource.')
}

/** What the ledger entry of a grant says: who may do what. */
export function noteOf({ Sid, Principal, Action }: Statement): Json {
  return { statement: Sid ?? null, principal: Principal ?? null, action: Action ?? null }
}
