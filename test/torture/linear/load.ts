import type { Seeded } from '../seeded.ts'
import type { AliasTarget, Answer, Operation } from './calls.ts'

const ALIASES = ['prod', 'test'] as const
/** Codes that come again, so that publishing finds nothing new. */
const COMMON_CODES = ['common-0', 'common-1'] as const

/** What the clients of one function have been told, all of them: what they ask for next is drawn from it. */
export class Memory {
  readonly #name: string
  #exists = false
  #codes = 0
  readonly #revisions: string[] = []
  readonly #aliasRevisions: string[] = []
  readonly #aliases = new Set<string>()
  readonly #numbers = new Set<string>()

  constructor(name: string) {
    this.#name = name
  }

  note(operation: Operation, answer: Answer): void {
    if (answer.kind === 'version') this.#noteVersion(answer.shown)
    if (answer.kind === 'versions') for (const shown of answer.shown) this.#noteVersion(shown)
    if (answer.kind === 'alias') this.#aliasRevisions.push(answer.shown.revision)
    if (operation.kind === 'create') this.#exists = true
    if (operation.kind === 'create-alias' && answer.kind === 'alias')
      this.#aliases.add(operation.alias)
    if (operation.kind === 'delete-alias') this.#aliases.delete(operation.alias)
    if (operation.kind === 'delete') {
      this.#exists = false
      this.#aliases.clear()
      this.#numbers.clear()
    }
  }

  next(chance: Seeded): Operation {
    if (!this.#exists && chance.fraction() < 0.6)
      return { kind: 'create', code: this.#code(chance), publish: chance.fraction() < 0.4 }
    const drawn = chance.fraction()
    if (drawn < 0.4) return this.#read(chance)
    if (drawn < 0.56) return this.#update(chance)
    if (drawn < 0.68) return { kind: 'publish', ...this.#condition(chance, this.#revisions) }
    if (drawn < 0.94) return this.#changeAlias(chance)
    if (drawn < 0.97) return { kind: 'delete-version', version: this.#number(chance) }
    if (drawn < 0.98) return { kind: 'create', code: this.#code(chance), publish: false }
    return { kind: 'delete' }
  }

  #noteVersion(shown: { readonly version: string; readonly revision: string }): void {
    this.#revisions.push(shown.revision)
    if (shown.version !== '$LATEST') this.#numbers.add(shown.version)
  }

  #read(chance: Seeded): Operation {
    const drawn = chance.fraction()
    if (drawn < 0.25) return { kind: 'get' }
    if (drawn < 0.4) return { kind: 'get', qualifier: this.#qualifier(chance) }
    if (drawn < 0.56) return { kind: 'get-alias', alias: chance.pick(ALIASES) }
    if (drawn < 0.72) return { kind: 'list-versions' }
    if (drawn < 0.8) return { kind: 'list-aliases' }
    if (drawn < 0.88) return { kind: 'invoke' }
    return { kind: 'invoke', qualifier: this.#qualifier(chance) }
  }

  #update(chance: Seeded): Operation {
    return {
      kind: 'update',
      code: this.#code(chance),
      publish: chance.fraction() < 0.3,
      ...this.#condition(chance, this.#revisions),
    }
  }

  #changeAlias(chance: Seeded): Operation {
    const alias = chance.pick(ALIASES)
    const target = this.#target(chance)
    const drawn = chance.fraction()
    // Also what is there already, and what is not.
    if (this.#aliases.has(alias) === drawn < 0.1) return { kind: 'create-alias', alias, target }
    if (drawn > 0.93) return { kind: 'delete-alias', alias }
    return {
      kind: 'update-alias',
      alias,
      target,
      ...this.#condition(chance, this.#aliasRevisions),
    }
  }

  #target(chance: Seeded): AliasTarget {
    const version = this.#number(chance)
    const other = this.#number(chance)
    const second =
      other !== version && chance.fraction() < 0.5 ? { version: other, weight: 0.25 } : null
    return { version, second }
  }

  /** One of the newest revisions that anybody was told of; as often as not no condition at all. */
  #condition(chance: Seeded, revisions: readonly string[]) {
    const newest = revisions.slice(-3)
    return newest.length === 0 || chance.fraction() < 0.5 ? {} : { revision: chance.pick(newest) }
  }

  /** Mostly one that is there; else one that may be there by the time. */
  #number(chance: Seeded): string {
    const known = [...this.#numbers]
    return known.length === 0 || chance.fraction() < 0.1
      ? String(chance.integer(1, known.length + 2))
      : chance.pick(known)
  }

  #qualifier(chance: Seeded): string {
    return chance.fraction() < 0.6 ? chance.pick(ALIASES) : this.#number(chance)
  }

  #code(chance: Seeded): string {
    this.#codes += 1
    return chance.fraction() < 0.25
      ? chance.pick(COMMON_CODES)
      : `${this.#name}-${this.#codes}-${chance.integer(0, 999_999)}`
  }
}
