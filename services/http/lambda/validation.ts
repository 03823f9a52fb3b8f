import { PlatformError, type Json } from '../../model/index.ts'

interface Bounds {
  readonly min?: number
  readonly max?: number
}

/**
 * Collects what AWS calls constraint failures and words them as AWS does (SPEC A1): all of them in one
 * ValidationException. `at` is the member's path in lower camel case: `functionName`, `code.zipFile`.
 *
 *     const check = new ConstraintCheck()
 *     check.required('runtime', input.Runtime)
 *     check.length('functionName', name, { min: 1, max: 140 })
 *     check.finish()
 */
export class ConstraintCheck {
  readonly #failures: string[] = []

  /** Absent or null. Answers whether it is there. */
  required(at: string, value: Json | undefined): boolean {
    if (value !== undefined && value !== null) return true
    this.#failures.push(`Value null at '${at}' ${FAILED} Member must not be null`)
    return false
  }

  /** Characters of a text, or items of a list. */
  length(at: string, value: string | readonly Json[] | undefined, bounds: Bounds): void {
    if (value === undefined) return
    const { min = 0, max = Infinity } = bounds
    if (value.length > max)
      this.fail(at, value, `Member must have length less than or equal to ${max}`)
    else if (value.length < min)
      this.fail(at, value, `Member must have length greater than or equal to ${min}`)
  }

  /** `shown` is the pattern as AWS prints it; `pattern` must be anchored. */
  pattern(at: string, value: string | undefined, pattern: RegExp, shown: string): void {
    if (value !== undefined && !pattern.test(value))
      this.fail(at, value, `Member must satisfy regular expression pattern: ${shown}`)
  }

  oneOf(at: string, value: string | undefined, allowed: readonly string[]): void {
    if (value !== undefined && !allowed.includes(value))
      this.fail(at, value, `Member must satisfy enum value set: [${allowed.join(', ')}]`)
  }

  range(at: string, value: number | undefined, bounds: Bounds): void {
    if (value === undefined) return
    const { min = -Infinity, max = Infinity } = bounds
    if (value > max)
      this.fail(at, value, `Member must have value less than or equal to ${shownNumber(max)}`)
    else if (!(value >= min))
      this.fail(at, value, `Member must have value greater than or equal to ${shownNumber(min)}`)
  }

  /** Any other sentence: `Member must satisfy constraint: [Member must …, Member must not be null]`. */
  fail(at: string, value: Json, constraint: string): void {
    this.#failures.push(`Value '${shownValue(value)}' at '${at}' ${FAILED} ${constraint}`)
  }

  get failures(): readonly string[] {
    return this.#failures
  }

  /** @throws PlatformError VALIDATION_FAILED with every failure found */
  finish(): void {
    const count = this.#failures.length
    if (count === 0) return
    throw new PlatformError(
      'VALIDATION_FAILED',
      `${count} validation error${count === 1 ? '' : 's'} detected: ${this.#failures.join('; ')}`,
    )
  }
}

const FAILED = 'failed to satisfy constraint:'
/** AWS quotes the whole value; a value of a megabyte would make a message of a megabyte. */
const SHOWN_LIMIT_CHARS = 2_048

/** Java's toString of what was sent: `[a, b]` for lists, `{a=1}` for maps. */
function shownValue(value: Json): string {
  return inJavaWords(value).slice(0, SHOWN_LIMIT_CHARS)
}

function inJavaWords(value: Json): string {
  if (Array.isArray(value)) return `[${value.map((item: Json) => inJavaWords(item)).join(', ')}]`
  if (value === null || typeof value !== 'object') return String(value)
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  return `{${members.map(([name, member]) => `${name}=${inJavaWords(member ?? null)}`).join(', ')}}`
}

function shownNumber(value: number): string {
  return String(value)
}
