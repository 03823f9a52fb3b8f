import { PlatformError } from '../model/index.ts'

import { FILTER_PATTERN_LIMIT_CHARS } from './constants.ts'
import { parseJsonPattern } from './json-pattern.ts'

/** Whether a message is one that a pattern means. */
export type MessageTest = (message: string) => boolean

interface Term {
  readonly kind: 'all' | 'any' | 'none'
  readonly text: string
}

/** AWS: a term that is not in quotes is letters, digits and underscores; other letters than ASCII's count as such. */
const PLAIN = /^[\p{L}\p{N}_]+$/u

/**
 * CloudWatch Logs' filter patterns: terms, "quoted phrases", `?any ?of ?these`, `-not`, and `{ $.json = "patterns" }`.
 * Terms are parts of the message, upper and lower case told apart. As on AWS, `?` counts where nothing but `?` is asked.
 * @throws PlatformError INVALID_PARAMETER
 */
export function parseFilterPattern(pattern: string | undefined): MessageTest | undefined {
  const text = pattern?.trim() ?? ''
  if (text === '' || text === '""') return undefined
  if (text.length > FILTER_PATTERN_LIMIT_CHARS)
    throw invalid(`a filter pattern is at most ${FILTER_PATTERN_LIMIT_CHARS} characters long`)
  if (text.startsWith('{')) return parseJsonPattern(text)
  if (text.startsWith('['))
    throw invalid('space-delimited filter patterns (`[a, b]`) are not supported by this service')
  if (text.startsWith('%'))
    throw invalid('regular expressions (`%…%`) are not supported by this service')
  return testOf(cutTerms(text))
}

function testOf(terms: readonly Term[]): MessageTest {
  const of = (kind: Term['kind']): string[] =>
    terms.filter((term) => term.kind === kind).map((term) => term.text)
  const [all, any, none] = [of('all'), of('any'), of('none')]
  const anyCounts = all.length === 0 && none.length === 0
  return (message) =>
    all.every((text) => message.includes(text)) &&
    !none.some((text) => message.includes(text)) &&
    (!anyCounts || any.some((text) => message.includes(text)))
}

function cutTerms(text: string): Term[] {
  const terms: Term[] = []
  const token = /\s*([?-]?)(?:"((?:[^"\\]|\\.)*)"|([^\s"]+))(?=\s|$)/uy
  while (token.lastIndex < text.length) {
    const from = token.lastIndex
    const match = token.exec(text)
    if (match === null)
      throw invalid(`the filter pattern cannot be read from character ${from + 1}`)
    const [, sign = '', quoted, plain = ''] = match
    if (quoted === undefined && !PLAIN.test(plain))
      throw invalid(`Invalid character(s) in term '${plain.slice(0, 80)}': put it in double quotes`)
    const kind = sign === '?' ? 'any' : sign === '-' ? 'none' : 'all'
    terms.push({ kind, text: quoted?.replaceAll(/\\(.)/gsu, '$1') ?? plain })
  }
  return terms
}

export function invalid(message: string): PlatformError {
  return new PlatformError('INVALID_PARAMETER', message)
}
