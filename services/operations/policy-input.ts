import { PlatformError, type Json } from '../model/index.ts'
import { toDocument, type Statement } from './policy-document.ts'

const STATEMENT_MEMBERS = ['Sid', 'Effect', 'Principal', 'Action', 'Resource', 'Condition']
const PRINCIPAL_KINDS = ['AWS', 'Service', 'Federated', 'CanonicalUser']
const ACTION = /^(lambda:[*]|lambda:[a-zA-Z]+[*]?|[*])$/

/**
 * A whole policy as PutResourcePolicy brings it: what this service can hold to and nothing else. A statement whose
 * meaning would be guessed at (NotPrincipal, another resource) is refused.
 * @throws PlatformError INVALID_PARAMETER, QUOTA_EXCEEDED
 */
export function readPolicyDocument(text: string, resource: string): string {
  const policy = parseObject(text)
  for (const member of Object.keys(policy))
    if (!['Version', 'Id', 'Statement'].includes(member)) throw refused(`has \`${member}\``)
  const { Version: version, Id: id, Statement: given } = policy
  if (version !== '2012-10-17' && version !== '2008-10-17')
    throw refused('has a Version that is neither 2012-10-17 nor 2008-10-17')
  if (id !== undefined && typeof id !== 'string') throw refused('has an Id that is no text')
  const statements = (Array.isArray(given) ? given : [given]).map((one: Json | undefined) =>
    readStatement(one, resource),
  )
  if (statements.length === 0) throw refused('has no Statement')
  const sids = statements.flatMap(({ Sid }) => (Sid === undefined ? [] : [Sid]))
  if (new Set(sids).size < sids.length) throw refused('has one Sid twice')
  const frame = JSON.stringify({ Version: version, ...(id === undefined ? {} : { Id: id }) })
  return toDocument(statements, frame)
}

type Members = { readonly [name: string]: Json | undefined }

function readStatement(value: Json | undefined, resource: string): Statement {
  if (!isObject(value)) throw refused('has a Statement that is no object')
  for (const member of Object.keys(value))
    if (!STATEMENT_MEMBERS.includes(member)) throw refused(`has a statement with \`${member}\``)
  const { Sid: sid, Effect: effect, Condition: condition } = value
  if (sid !== undefined && (typeof sid !== 'string' || !/^[a-zA-Z0-9-_]{1,100}$/.test(sid)))
    throw refused('has a Sid that is no statement id')
  if (effect !== 'Allow' && effect !== 'Deny')
    throw refused('has an Effect that is neither Allow nor Deny')
  checkPrincipal(value['Principal'])
  if (!texts(value['Action']).every((action) => ACTION.test(action)))
    throw refused('has an Action that is none of Lambda')
  if (!texts(value['Resource']).every((one) => one === resource))
    throw refused(`has a Resource that is not \`${resource}\``)
  if (condition !== undefined && !isCondition(condition))
    throw refused('has a Condition that is no map of operators')
  return value as Statement
}

function checkPrincipal(principal: Json | undefined): void {
  if (principal === '*') return
  if (!isObject(principal) || Object.keys(principal).length === 0)
    throw refused('has a statement without Principal')
  for (const [kind, named] of Object.entries(principal)) {
    if (!PRINCIPAL_KINDS.includes(kind)) throw refused(`has a Principal \`${kind}\``)
    texts(named)
  }
}

function isCondition(condition: Json): boolean {
  if (!isObject(condition)) return false
  return Object.values(condition).every(
    (keys) => isObject(keys) && Object.values(keys).every((value) => texts(value).length > 0),
  )
}

/** One text, or a list with at least one. */
function texts(value: Json | undefined): readonly string[] {
  const list = Array.isArray(value) ? (value as readonly Json[]) : [value]
  const found = list.filter((one) => typeof one === 'string')
  if (found.length > 0 && found.length === list.length) return found
  throw refused('has a text missing, or something that is no text')
}

function parseObject(text: string): Members {
  let value: Json
  try {
    value = JSON.parse(text) as Json
  } catch (cause) {
    throw new PlatformError('INVALID_PARAMETER', 'the policy is no JSON', { cause })
  }
  if (isObject(value)) return value
  throw new PlatformError('INVALID_PARAMETER', 'the policy is no JSON object')
}

function isObject(value: Json | undefined): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function refused(what: string): PlatformError {
  return new PlatformError('INVALID_PARAMETER', `the policy ${what}`)
}
