import type {
  CedarValueJson,
  EntityJson,
  PolicyJson,
  TypeAndId,
} from '@cedar-policy/cedar-wasm/nodejs'

import type { PolicyReads } from './policy-reads.ts'
import type { PolicyScope } from './policy-scope.ts'

/** A file of policies as it was written. */
export interface PolicyFile {
  readonly name: string
  readonly text: string
}

export interface Policy {
  /** Its `@id`, which decisions name; where it has none, its place in the set. */
  readonly id: string
  readonly file: string
  readonly text: string
  readonly effect: 'permit' | 'forbid'
  readonly annotations: Readonly<Record<string, string>>
  /** Members of the context that it looks at: what a refusal shows the values of. */
  readonly reads: readonly string[]
  /** Whom and what its head is about. */
  readonly scope: PolicyScope
  /** What of a request decides what it says. */
  readonly looks: PolicyReads
  /** Cedar's own form of it. */
  readonly json: PolicyJson
}

/** One thing that is wrong with a policy set, for people: where, what, and what was probably meant. */
export interface PolicyFault {
  readonly file: string
  readonly policy: string | undefined
  readonly message: string
  readonly hint: string | undefined
}

/** A set that parsed and, where a schema was given, fits it. */
export interface PolicySet {
  /** SHA-256 over schema and policies: the same text is the same set. */
  readonly digest: string
  readonly policies: ReadonlyMap<string, Policy>
  readonly schema: string | undefined
  /** A policy that can never apply, or whose text is not what it looks like. */
  readonly warnings: readonly PolicyFault[]
}

export interface Request {
  readonly principal: TypeAndId
  readonly action: TypeAndId
  readonly resource: TypeAndId
  readonly context: Readonly<Record<string, CedarValueJson>>
  readonly entities: readonly EntityJson[]
}

/** What Cedar says of a request, errors and all; `authorize` makes a decision of it. */
export interface Evaluation {
  readonly decision: 'allow' | 'deny'
  /** Ids of the policies that made it so. */
  readonly determining: readonly string[]
  /** Policies that could not be evaluated: Cedar skips them, so a `forbid` that errs would not forbid. */
  readonly errors: readonly { readonly policy: string; readonly message: string }[]
}
