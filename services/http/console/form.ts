import { createHmac, timingSafeEqual } from 'node:crypto'

import { PlatformError } from '../../model/index.ts'
import { readQuery } from '../wire.ts'

/** What a form of the console sends: some reasons of a few hundred characters. */
export const FORM_LIMIT_BYTES = 32_768
/** What is asked for in a URL of the console. */
const QUERY_LIMIT_CHARS = 4_096
const MEMBERS_LIMIT = 24
/** The member of every form that proves it is one of this session. */
export const CSRF_MEMBER = 'csrf'

export type Members = Readonly<Record<string, string>>

/** Members that are filled in, each once: an empty field of a form says nothing. @throws PlatformError INVALID_PARAMETER */
export function readMembers(text: string): Members {
  if (text.length > QUERY_LIMIT_CHARS * 8)
    throw new PlatformError('INVALID_PARAMETER', 'too much is asked for at once')
  const entries = Object.entries(readQuery(text.replaceAll('+', '%20')))
  if (entries.length > MEMBERS_LIMIT)
    throw new PlatformError('INVALID_PARAMETER', `at most ${MEMBERS_LIMIT} members are taken`)
  const members: [string, string][] = []
  for (const [name, value] of entries) {
    if (typeof value !== 'string')
      throw new PlatformError('INVALID_PARAMETER', `\`${name.slice(0, 40)}\` came more than once`)
    const trimmed = value.trim()
    if (trimmed !== '') members.push([name, trimmed])
  }
  return Object.fromEntries(members)
}

/** @throws PlatformError INVALID_PARAMETER */
export function readQueryMembers(query: string): Members {
  if (query.length > QUERY_LIMIT_CHARS)
    throw new PlatformError('INVALID_PARAMETER', 'the query is too long')
  return readMembers(query)
}

/** What proves a form to be of this session: nothing that could be made without its secret. */
export function csrfToken(sessionSecret: string): string {
  return createHmac('sha256', sessionSecret).update('lacre console form v1').digest('base64url')
}

/** @throws PlatformError ACCESS_DENIED */
export function checkCsrf(form: Members, sessionSecret: string): void {
  const wanted = Buffer.from(csrfToken(sessionSecret))
  const given = Buffer.from(form[CSRF_MEMBER] ?? '')
  if (given.length === wanted.length && timingSafeEqual(given, wanted)) return
  throw new PlatformError(
    'ACCESS_DENIED',
    'the form is not one of this session: open its page again and repeat it',
  )
}
