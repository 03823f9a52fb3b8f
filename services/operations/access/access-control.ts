import type { Authorizer } from '../../auth/index.ts'
import {
  PlatformError,
  API_ACTIONS,
  type Place,
  type Principal,
  type ResourceRef,
} from '../../model/index.ts'
import {
  actionsOfRole,
  exceeding,
  knownRoles,
  lacking,
  mayDo,
  mightDo,
  type PolicySet,
} from '../../policy/index.ts'
import type { Reader, Store } from '../../store/index.ts'
import { resolveThing } from './thing.ts'

export interface AccessControlOptions {
  readonly store: Store
  readonly place: Place
  /** The authorization set in force as of a snapshot; `undefined` where none loads: the built-in table then answers. */
  readonly policies: (reader: Reader) => Promise<PolicySet | undefined>
  /** OIDC issuers by whose tokens somebody may come; none where left out. */
  readonly issuers?: readonly string[]
}

/** Answers kept for one principal, so that asking for names that are not there cannot fill the memory. */
const ANSWERS_LIMIT = 10_000

/**
 * Who may do what, by the authorization set. Pure judgement is `policy`'s; this reads what it judges (tags, what a
 * mapping points at) and keeps answers for Invoke, whose path evaluates no policy (DESIGN §8).
 *
 * A kept answer cannot outlive a change: it hangs on the principal as `auth` holds it, in a map that `forget` replaces
 * whole, and `forget` follows every governed commit (principals, roles, keys, policy sets, functions and their tags are
 * all written in one). An answer that was being worked out meanwhile belongs to the map of its own generation, and goes
 * with it.
 */
export class AccessControl implements Authorizer {
  readonly #options: AccessControlOptions
  readonly #listeners: (() => void)[] = []
  #answers = new WeakMap<Principal, Map<string, boolean>>()

  constructor(options: AccessControlOptions) {
    this.#options = options
  }

  get issuers(): readonly string[] {
    return this.#options.issuers ?? []
  }

  /** The set in force; `undefined` where the built-in table answers. */
  async policies(reader: Reader = this.#options.store.reader): Promise<PolicySet | undefined> {
    return await this.#options.policies(reader)
  }

  async authorize(
    principal: Principal,
    action: string,
    resource: ResourceRef | undefined,
  ): Promise<void> {
    const allowed =
      resource === undefined
        ? mightDo(await this.policies(), principal, action)
        : await this.allows(principal, action, resource)
    if (!allowed) throw this.#denied(principal, action, resource)
  }

  /** Inside a snapshot that is there already. @throws PlatformError ACCESS_DENIED */
  async authorizeIn(
    reader: Reader,
    principal: Principal,
    asked: { readonly action: string; readonly resource: ResourceRef },
  ): Promise<void> {
    if (await this.#evaluateIn(reader, principal, asked)) return
    throw this.#denied(principal, asked.action, asked.resource)
  }

  async allows(principal: Principal, action: string, resource: ResourceRef): Promise<boolean> {
    if (API_ACTIONS.get(action)?.group !== 'invoke')
      return await this.#evaluate(principal, action, resource)
    const answers = this.#answersOf(principal)
    const key = JSON.stringify([action, resource.kind, resource.name, resource.alias])
    const known = answers.get(key)
    if (known !== undefined) return known
    const answer = await this.#evaluate(principal, action, resource)
    if (answers.size >= ANSWERS_LIMIT) answers.clear()
    answers.set(key, answer)
    return answer
  }

  /** Whether he may do all of these for certain, whatever the thing: nothing need be asked thing by thing then. */
  async allowsEverywhere(principal: Principal, actions: readonly string[]): Promise<boolean> {
    const lacks = new Set(lacking(await this.policies(), principal))
    return !actions.some((action) => lacks.has(action))
  }

  /** @throws PlatformError INVALID_PARAMETER for a role that nothing names, ACCESS_DENIED for more than the granter has */
  async checkGrant(reader: Reader, granter: Principal, role: string): Promise<void> {
    const set = await this.policies(reader)
    const roles = knownRoles(set)
    if (!roles.includes(role))
      throw new PlatformError(
        'INVALID_PARAMETER',
        `no policy names the role \`${role.slice(0, 64)}\`; there are ${roles.join(', ')}`,
      )
    const [first, ...more] = exceeding(set, granter, role)
    if (first === undefined) return
    const others = more.length === 0 ? '' : ` and ${more.length} more`
    throw new PlatformError(
      'ACCESS_DENIED',
      `no one grants more than he has: \`${role}\` allows ${first}${others}, which ${arnOf(this.#options.place, granter)} may not do everywhere`,
    )
  }

  /** Every role that can be granted, with the actions that its permits speak of. */
  async roles(): Promise<
    readonly { readonly name: string; readonly actions: readonly string[] }[]
  > {
    const set = await this.policies()
    return knownRoles(set).map((name) => ({ name, actions: actionsOfRole(set, name) }))
  }

  onForget(listener: () => void): void {
    this.#listeners.push(listener)
  }

  /** After every governed commit. */
  forget(): void {
    this.#answers = new WeakMap()
    for (const listener of this.#listeners) listener()
  }

  #answersOf(principal: Principal): Map<string, boolean> {
    const known = this.#answers.get(principal)
    if (known !== undefined) return known
    const made = new Map<string, boolean>()
    this.#answers.set(principal, made)
    return made
  }

  async #evaluate(principal: Principal, action: string, asked: ResourceRef): Promise<boolean> {
    return await this.#options.store.snapshot((reader) =>
      this.#evaluateIn(reader, principal, { action, resource: asked }),
    )
  }

  async #evaluateIn(
    reader: Reader,
    principal: Principal,
    { action, resource: asked }: { readonly action: string; readonly resource: ResourceRef },
  ): Promise<boolean> {
    const set = await this.policies(reader)
    // Without a set nothing looks at the thing.
    const { resource, tags } =
      set === undefined
        ? { resource: asked, tags: {} }
        : await resolveThing(reader, this.#options.place, asked)
    return mayDo(set, { principal, action, resource, tags }).allowed
  }

  #denied(principal: Principal, action: string, resource: ResourceRef | undefined): PlatformError {
    const on = resource === undefined || resource.name === '*' ? '' : ` on ${shown(resource)}`
    return new PlatformError(
      'ACCESS_DENIED',
      `User: ${arnOf(this.#options.place, principal)} is not authorized to perform: ${action}${on} because no identity-based policy allows the ${action} action`,
    )
  }
}

function arnOf({ account }: Place, { kind, name }: Principal): string {
  return `arn:aws:iam::${account}:${kind}/${name}`
}

function shown({ kind, name, alias }: ResourceRef): string {
  return `${kind} \`${(alias === undefined ? name : `${name}:${alias}`).slice(0, 200)}\``
}
