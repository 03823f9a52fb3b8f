import type { GovernanceAnswer } from '../governance/index.ts'
import type { ConsoleApi } from './api.ts'
import type { Members } from './form.ts'
import type { Child } from './markup.ts'

/** One look at a page, by somebody who is signed in. */
export interface Visit {
  readonly api: ConsoleApi
  /** Of the path. */
  readonly params: Members
  readonly query: Members
  /** Of a `POST`; its CSRF token was checked. */
  readonly form: Members
  readonly nowMs: number
  /** For the forms of the page. */
  readonly csrf: string
}

/** Where the same is told without a browser. */
export interface Elsewhere {
  /** Path and query below `/api/v1`. */
  readonly api?: string
  /** A line for a shell. */
  readonly cli: string
}

/** What a page may load beside what all do. */
export type PageScript = 'follow.js' | 'proof.js'

export type PageAnswer =
  | {
      readonly kind: 'page'
      readonly title: string
      readonly body: Child
      readonly elsewhere: Elsewhere
      readonly scripts?: readonly PageScript[]
    }
  | { readonly kind: 'moved'; readonly to: string }
  | {
      readonly kind: 'file'
      readonly type: string
      readonly file: NonNullable<GovernanceAnswer['file']>
    }

/** What is asked for by one method and path; `POST` for whatever a form sends. */
export interface Page {
  readonly method: 'GET' | 'POST'
  /** Below `/console`, parameters as `:name`. */
  readonly path: string
  visit(visit: Visit): Promise<PageAnswer>
}

/** A path below `base` with what is not `undefined` as its query. */
export function urlOf(
  base: string,
  query: Readonly<Record<string, string | undefined>> = {},
): string {
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [`${encodeURIComponent(name)}=${encodeURIComponent(value)}`],
  )
  return given.length === 0 ? base : `${base}?${given.join('&')}`
}

/** As one word of a POSIX shell, whatever is in it. */
export function shellWord(text: string): string {
  return /^[A-Za-z0-9_./:@%+,=-]+$/.test(text)
    ? text
    : `'${text.replaceAll("'", String.raw`'\''`)}'`
}
