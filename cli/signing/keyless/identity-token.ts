import { inspect } from 'node:util'

import {
  parseStrictJson,
  PlatformError,
  toIsoTime,
  type Json,
} from '../../../services/model/index.ts'
import { isObject } from './exchange.ts'

/** Tokens of CI systems have 1 to 3 KiB. */
const TOKEN_LIMIT_CHARACTERS = 65_536
const SHOWN_INSTEAD = '[identity token]'

export type Claims = Readonly<Record<string, Json | undefined>>

/**
 * An OIDC identity token. Whoever holds its text can sign in its name: it is let out by `reveal` alone, which only the
 * request for a certificate calls; printed, inspected or serialised it is a placeholder. Its signature is not checked
 * here: that is for the certificate authority, and we only read what it is about.
 */
export class IdentityToken {
  /** Where it comes from, for people. */
  readonly source: string
  readonly claims: Claims
  readonly issuer: string
  /** What the certificate authority wants signed as proof of possession: the address if there is one, else `sub`. */
  readonly subject: string
  readonly #text: string

  private constructor(text: string, source: string, claims: Claims) {
    this.source = source
    this.claims = claims
    this.issuer = textClaim(claims, 'iss', source)
    this.subject = emailOf(claims, source) ?? textClaim(claims, 'sub', source)
    this.#text = text
  }

  /**
   * @param source where it comes from, as errors name it
   * @throws PlatformError INVALID_PARAMETER; never with any of the text in it
   */
  static parse(text: string, source: string): IdentityToken {
    const parts = text.trim().split('.')
    const shaped = parts.length === 3 && parts.every((part) => /^[A-Za-z0-9_-]+$/.test(part))
    const claims = shaped && text.length <= TOKEN_LIMIT_CHARACTERS ? tryClaims(parts[1]) : undefined
    if (claims === undefined) throw refuse(`the identity token of ${source} is no JWT`)
    return new IdentityToken(text.trim(), source, claims)
  }

  /**
   * Refused before it is sent: it would be of no use, and a token for somebody else is not for the authority to see.
   * @throws PlatformError INVALID_PARAMETER
   */
  check(audience: string, nowMs: number): void {
    const { exp, aud } = this.claims
    if (typeof exp !== 'number' || exp * 1_000 <= nowMs)
      throw refuse(
        `the identity token of ${this.source} ${typeof exp === 'number' ? `expired at ${toTime(exp)}` : 'does not say when it expires'}`,
        'token-expired',
      )
    const audiences = Array.isArray(aud) ? (aud as readonly Json[]) : [aud]
    if (!audiences.includes(audience))
      throw refuse(
        `the identity token of ${this.source} is not for the audience \`${audience}\``,
        'token-audience',
      )
  }

  /** The token itself. For the body of the one request that it is made for, and nothing else. */
  reveal(): string {
    return this.#text
  }

  toString(): string {
    return SHOWN_INSTEAD
  }

  toJSON(): string {
    return SHOWN_INSTEAD
  }

  [inspect.custom](): string {
    return SHOWN_INSTEAD
  }
}

function tryClaims(part: string | undefined): Claims | undefined {
  try {
    const claims = parseStrictJson(Buffer.from(part ?? '', 'base64url'))
    return isObject(claims) ? claims : undefined
  } catch {
    // the parser's message quotes the text
    return undefined
  }
}

/** An address counts only where its issuer has verified it; some write that as text. */
function emailOf(claims: Claims, source: string): string | undefined {
  const { email, email_verified: verified } = claims
  if (typeof email !== 'string' || email === '') return undefined
  if (verified !== true && verified !== 'true')
    throw refuse(
      `the identity token of ${source} has an address that its issuer has not verified`,
      'token-email',
    )
  return email
}

function textClaim(claims: Claims, name: string, source: string): string {
  const value = claims[name]
  if (typeof value !== 'string' || value === '')
    throw refuse(`the identity token of ${source} has no \`${name}\``, 'token-claims')
  return value
}

function toTime(seconds: number): string {
  const ms = seconds * 1_000
  return Math.abs(ms) < 8.64e15 ? toIsoTime(ms) : 'no time at all'
}

function refuse(message: string, rule = 'token-malformed'): PlatformError {
  return new PlatformError('INVALID_PARAMETER', message, { detail: { rule } })
}
