export interface Second {
  readonly version: string
  readonly weight: number
}

export interface AliasTarget {
  readonly version: string
  readonly second: Second | null
}

/** A call on one function by its name; codes are told by what they answer. */
export type Operation =
  | { readonly kind: 'create'; readonly code: string; readonly publish: boolean }
  | {
      readonly kind: 'update'
      readonly code: string
      readonly publish: boolean
      readonly revision?: string
    }
  | { readonly kind: 'publish'; readonly revision?: string }
  | { readonly kind: 'delete' }
  | { readonly kind: 'delete-version'; readonly version: string }
  | { readonly kind: 'create-alias'; readonly alias: string; readonly target: AliasTarget }
  | {
      readonly kind: 'update-alias'
      readonly alias: string
      readonly target: AliasTarget
      readonly revision?: string
    }
  | { readonly kind: 'delete-alias'; readonly alias: string }
  /** By no qualifier, a number or an alias. */
  | { readonly kind: 'get'; readonly qualifier?: string }
  | { readonly kind: 'invoke'; readonly qualifier?: string }
  | { readonly kind: 'get-alias'; readonly alias: string }
  | { readonly kind: 'list-versions' }
  | { readonly kind: 'list-aliases' }

export type Refusal =
  | 'absent'
  | 'exists'
  | 'mismatch'
  | 'referenced'
  /** An update is in progress, or it is not active yet. */
  | 'busy'
  /** Others were faster, again and again. */
  | 'contended'
  /** An invocation that was running when what it ran was deleted. */
  | 'stopped'

export interface ShownVersion {
  readonly version: string
  readonly code: string
  readonly revision: string
  /** Not told in lists. */
  readonly settled?: boolean
}

export interface ShownAlias extends AliasTarget {
  readonly revision: string
}

export type Answer =
  | { readonly kind: 'refused'; readonly why: Refusal }
  | { readonly kind: 'gone' }
  | { readonly kind: 'version'; readonly shown: ShownVersion }
  | { readonly kind: 'versions'; readonly shown: readonly ShownVersion[] }
  | { readonly kind: 'alias'; readonly shown: ShownAlias }
  | {
      readonly kind: 'aliases'
      readonly shown: Readonly<Record<string, ShownAlias>>
    }
  | { readonly kind: 'ran'; readonly version: string; readonly code: string }
