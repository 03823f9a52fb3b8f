import type { Members } from '../form.ts'

/** A share of 0 to 1. */
export function percent(weight: number): string {
  return `${Math.round(weight * 10_000) / 100} %`
}

/** Without what is not given, as queries are sent. */
export function defined(query: Readonly<Record<string, string | undefined>>): Members {
  return Object.fromEntries(
    Object.entries(query).filter((one): one is [string, string] => one[1] !== undefined),
  )
}

/** A decision as histories tell it; its id alone where the reader may not see it. */
export interface ToldDecision {
  readonly id: string
  readonly withheld: boolean
  readonly outcome?: string
  readonly principal?: { readonly name: string }
  readonly policySet?: { readonly version: string }
  readonly approvals?: readonly {
    readonly id: string
    readonly requester: string
    readonly approvers: readonly string[]
  }[]
  readonly exceptions?: readonly string[]
}
