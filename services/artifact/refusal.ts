import { PlatformError } from '../model/index.ts'

/** Where in the zip a rule was broken. */
export interface Where {
  /** The entry's name as far as it could be read. */
  readonly entry?: string
  /** Byte offset in the file. */
  readonly offset?: number
}

/**
 * A zip that breaks the strict profile (DESIGN §3). `rule` is a stable id for machines,
 * the message a sentence for people that names the entry.
 */
export function refusal(rule: string, message: string, where: Where = {}): PlatformError {
  return new PlatformError('INVALID_ARTIFACT', message, { detail: { rule, ...where } })
}

/** A foreign name as it may stand in a message: control, bidi and format characters as `\u{…}`, cut at 200 characters. */
export function shown(text: string): string {
  const cut = text.length > 200 ? `${text.slice(0, 200)}…` : text
  const escaped = cut.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}`]/gu,
    (char) => `\\u{${String(char.codePointAt(0)?.toString(16))}}`,
  )
  return `\`${escaped}\``
}
