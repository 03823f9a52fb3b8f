import { PlatformError, type FreezeWindow } from '../model/index.ts'
import { dayNumber, isScope, isTimeZone } from '../policy/index.ts'

/** RULES §5: an exception is for a true rollback, and expires. */
const FLOOR_EXCEPTION_LIMIT_MS = 7 * 86_400_000
/** A soak of a year is a mistake. */
const SOAK_LIMIT_MS = 365 * 86_400_000
const REASON_LIMIT_CHARS = 500
const TIME = /^(?:[01]\d|2[0-3]):[0-5]\d$/
const END = /^(?:(?:[01]\d|2[0-3]):[0-5]\d|24:00)$/
const DATE = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])$/
const NAME = /^[a-zA-Z0-9-_]{1,64}$/
const ALIAS = /^(?!\d+$)[a-zA-Z0-9-_]{1,128}$/
const U64_MAX = 2n ** 64n - 1n

/** @throws PlatformError INVALID_PARAMETER */
export function checkWindow(window: FreezeWindow): void {
  checkName('a window', window.name)
  if (!isScope(window.scope)) throw invalid(`\`${window.scope}\` is no FUNCTION or FUNCTION:ALIAS`)
  if (!isTimeZone(window.timeZone)) throw invalid(`\`${window.timeZone}\` is no time zone`)
  if (window.ranges.length === 0 && window.holidays.length === 0)
    throw invalid('a window has ranges or holidays')
  for (const range of window.ranges) {
    if (range.kind === 'weekly') {
      if (!TIME.test(range.from) || !END.test(range.to))
        throw invalid('a weekly range goes from `HH:MM` to `HH:MM`, at most `24:00`')
      if (range.days.length === 0) throw invalid('a weekly range has days, 1 (Monday) to 7')
      continue
    }
    for (const text of [range.from, range.to])
      if (!isDate(text.slice(0, 10)) || text.charAt(10) !== 'T' || !TIME.test(text.slice(11)))
        throw invalid(`\`${text}\` is no local time like 2026-12-20T18:00`)
    if (range.to <= range.from) throw invalid('a dated range ends after it begins')
  }
  const wrong = window.holidays.find((text) => !isDate(text))
  if (wrong !== undefined) throw invalid(`\`${wrong}\` is no day like 2026-12-25`)
}

/** A day of the calendar: 31 February is none. */
function isDate(text: string): boolean {
  if (!DATE.test(text)) return false
  const [year = 0, month = 1] = text.split('-').map(Number)
  const next =
    month === 12 ? `${year + 1}-01-01` : `${year}-${String(month + 1).padStart(2, '0')}-01`
  return dayNumber(text) < dayNumber(next)
}

/** FUNCTION or FUNCTION:ALIAS, exactly. @throws PlatformError INVALID_PARAMETER */
export function checkPlace(text: string): {
  readonly functionName: string
  readonly alias: string | undefined
} {
  const [functionName = '', alias, more] = text.split(':')
  if (NAME.test(functionName) && (alias === undefined || ALIAS.test(alias)) && more === undefined)
    return { functionName, alias }
  throw invalid(`\`${text.slice(0, 200)}\` is no FUNCTION or FUNCTION:ALIAS`)
}

/** FUNCTION:ALIAS with `*` in the function's part. @throws PlatformError INVALID_PARAMETER */
export function checkPromotionScope(text: string, from: string): void {
  const [, alias] = text.split(':')
  if (!isScope(text) || alias === undefined || !ALIAS.test(alias))
    throw invalid(`\`${text.slice(0, 200)}\` is no FUNCTION:ALIAS (\`*\` within the function)`)
  if (!ALIAS.test(from)) throw invalid(`\`${from.slice(0, 200)}\` is no alias`)
  if (from === alias) throw invalid('an alias cannot wait for itself')
}

/** @throws PlatformError INVALID_PARAMETER */
export function checkName(what: string, name: string): void {
  if (!NAME.test(name)) throw invalid(`the name of ${what} is 1 to 64 letters, digits, - and _`)
}

/** @throws PlatformError INVALID_PARAMETER */
export function checkReason(reason: string): void {
  if (reason.trim() === '' || reason.length > REASON_LIMIT_CHARS)
    throw invalid(`a reason has 1 to ${REASON_LIMIT_CHARS} characters`)
}

/** @throws PlatformError INVALID_PARAMETER */
export function checkSoak(soakMs: number): void {
  if (!Number.isSafeInteger(soakMs) || soakMs < 0 || soakMs > SOAK_LIMIT_MS)
    throw invalid('a soak is 0 to 365 days')
}

/** @throws PlatformError INVALID_PARAMETER */
export function checkExpiry(expiresAtMs: number, nowMs: number): void {
  if (expiresAtMs <= nowMs || expiresAtMs - nowMs > FLOOR_EXCEPTION_LIMIT_MS)
    throw invalid('an exception expires, at most 7 days from now')
}

/** @throws PlatformError INVALID_PARAMETER */
export function checkCounter(counter: string): void {
  if (!/^[1-9]\d{0,19}$/.test(counter) || BigInt(counter) > U64_MAX)
    throw invalid('a counter is a whole number from 1 to 2^64 - 1')
}

/** @throws PlatformError INVALID_PARAMETER */
export function checkDirect(mode: 'all' | 'aliases', direct: readonly string[]): void {
  const wrong = direct.find((target) => !/^(?:\$LATEST|[1-9]\d{0,14})$/.test(target))
  if (wrong !== undefined) throw invalid(`\`${wrong.slice(0, 200)}\` is no version and not $LATEST`)
  if (mode === 'all' && direct.length > 0)
    throw invalid('where the reach is `all` there is nothing to list')
}

function invalid(message: string): PlatformError {
  return new PlatformError('INVALID_PARAMETER', message)
}
