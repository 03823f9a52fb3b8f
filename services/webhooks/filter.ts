import { PlatformError } from '../model/index.ts'
import { coversPlace, isScope } from '../policy/index.ts'

/** Which entries a webhook is told of: each member that is there must fit; without one, all. */
export interface WebhookFilter {
  /** Types of entries: exact, or with `*` at the end: `refusal`, `live.*`. */
  readonly types?: readonly string[]
  /** Actions, likewise: `lambda:UpdateAlias`, `lacre:*`. */
  readonly actions?: readonly string[]
  /** FUNCTION or FUNCTION:ALIAS, `*` within a name: entries about one of them. */
  readonly scopes?: readonly string[]
  /** How the entry's decision went: entries that name one. */
  readonly outcomes?: readonly WebhookOutcome[]
}

export type WebhookOutcome = 'allow' | 'warn' | 'deny'

/** What a filter looks at. */
export interface Told {
  readonly type: string
  readonly action: string
  /** FUNCTION or FUNCTION:ALIAS; undefined where the entry is about something else. */
  readonly place: string | undefined
}

/** A filter that was read once and is asked often. */
export interface CompiledFilter {
  /** All but outcomes, which only the decision knows. */
  matches(told: Told): boolean
  readonly outcomes: readonly string[] | undefined
}

const PATTERNS_LIMIT = 32
const PATTERN = /^(?:\*|[a-zA-Z][a-zA-Z0-9._:-]{0,127}\*?)$/

/** @throws PlatformError INVALID_PARAMETER */
export function checkFilter(filter: WebhookFilter): void {
  const { types, actions, scopes, outcomes } = filter
  check('types', types, 'a name, or one that ends in `*`', (text) => PATTERN.test(text))
  check('actions', actions, 'a name, or one that ends in `*`', (text) => PATTERN.test(text))
  check('scopes', scopes, 'FUNCTION or FUNCTION:ALIAS', isScope)
  check('outcomes', outcomes, 'allow, warn or deny', (text) =>
    ['allow', 'warn', 'deny'].includes(text),
  )
}

function check(
  member: string,
  texts: readonly string[] | undefined,
  wanted: string,
  isOne: (text: string) => boolean,
): void {
  if (texts === undefined) return
  if (texts.length === 0 || texts.length > PATTERNS_LIMIT)
    throw new PlatformError('INVALID_PARAMETER', `\`${member}\` takes 1 to ${PATTERNS_LIMIT}`)
  const wrong = texts.find((text) => !isOne(text))
  if (wrong !== undefined)
    throw new PlatformError('INVALID_PARAMETER', `\`${wrong}\` of \`${member}\` is not ${wanted}`)
}

export function compileFilter({ types, actions, scopes, outcomes }: WebhookFilter): CompiledFilter {
  return {
    outcomes,
    matches: ({ type, action, place }) =>
      (types === undefined || types.some((pattern) => isLike(pattern, type))) &&
      (actions === undefined || actions.some((pattern) => isLike(pattern, action))) &&
      (scopes === undefined ||
        (place !== undefined && scopes.some((pattern) => coversPlace(pattern, place)))),
  }
}

function isLike(pattern: string, text: string): boolean {
  return pattern.endsWith('*') ? text.startsWith(pattern.slice(0, -1)) : text === pattern
}
