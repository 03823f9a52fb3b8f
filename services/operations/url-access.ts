import type { Json, Place } from '../model/index.ts'

/** Who asks, as far as a resource policy tells callers apart. */
export type UrlCaller =
  | { readonly kind: 'anyone' }
  /** By name: a signed request's. */
  | { readonly kind: 'user'; readonly name: string }

export interface UrlAccess {
  readonly place: Place
  readonly authType: 'NONE' | 'AWS_IAM'
  readonly caller: UrlCaller
  readonly statements: readonly Members[]
}

type Members = { readonly [member: string]: Json | undefined }

/**
 * What the resource policy says to a request of a function URL (SPEC A14): a URL of type NONE answers only where it allows,
 * and what it denies nobody gets. What a statement says in words that are not known here allows nothing, and denies.
 */
export function judgeUrlAccess(access: UrlAccess): 'allow' | 'deny' | 'silent' {
  const speaking = access.statements.filter((statement) => namesCaller(statement, access))
  const denies = speaking.some(
    (statement) =>
      statement['Effect'] !== 'Allow' &&
      ['lambda:InvokeFunctionUrl', 'lambda:InvokeFunction'].some((action) =>
        namesAction(statement, action),
      ) &&
      conditionOf(statement, access) !== 'fails',
  )
  if (denies) return 'deny'
  const allows = speaking.some(
    (statement) =>
      statement['Effect'] === 'Allow' &&
      namesAction(statement, 'lambda:InvokeFunctionUrl') &&
      conditionOf(statement, access) === 'holds',
  )
  return allows ? 'allow' : 'silent'
}

function namesAction(statement: Members, action: string): boolean {
  return textsOf(statement['Action']).some((named) =>
    named.endsWith('*')
      ? action.toLowerCase().startsWith(named.slice(0, -1).toLowerCase())
      : named.toLowerCase() === action.toLowerCase(),
  )
}

function namesCaller(statement: Members, { caller, place }: UrlAccess): boolean {
  const principal = statement['Principal']
  if (principal === '*') return true
  const named = isMembers(principal) ? textsOf(principal['AWS']) : []
  if (named.includes('*')) return true
  if (caller.kind === 'anyone') return false
  const account = [place.account, `arn:aws:iam::${place.account}:root`]
  return named.some(
    (one) => account.includes(one) || one === `arn:aws:iam::${place.account}:user/${caller.name}`,
  )
}

/** Every key of every operator must hold; one that cannot be judged here is told apart from one that fails. */
function conditionOf(statement: Members, access: UrlAccess): 'holds' | 'fails' | 'unknown' {
  const condition = statement['Condition']
  if (condition === undefined) return 'holds'
  if (!isMembers(condition)) return 'unknown'
  let known = true
  for (const [operator, keys] of Object.entries(condition)) {
    for (const [key, wanted] of Object.entries(isMembers(keys) ? keys : { '': null })) {
      const holds = conditionHolds({ operator, key, wanted: textsOf(wanted) }, access)
      if (holds === false) return 'fails'
      known &&= holds === true
    }
  }
  return known ? 'holds' : 'unknown'
}

function conditionHolds(
  { operator, key, wanted }: { operator: string; key: string; wanted: readonly string[] },
  { authType }: UrlAccess,
): boolean | undefined {
  const name = key.toLowerCase()
  if (name === 'lambda:functionurlauthtype' && operator === 'StringEquals')
    return wanted.includes(authType)
  if (name === 'lambda:invokedviafunctionurl' && operator === 'Bool')
    return wanted.some((one) => one.toLowerCase() === 'true')
  return undefined
}

function textsOf(value: Json | undefined): readonly string[] {
  const list = Array.isArray(value) ? (value as readonly Json[]) : [value]
  return list.filter((one) => typeof one === 'string')
}

function isMembers(value: Json | undefined): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
