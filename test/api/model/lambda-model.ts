/**
 * A small reference model of functions, versions, aliases and their revisions: what AWS documents and what was
 * recorded of it (SPEC A2, A3), with nothing of our own behind it. Revisions are numbers here; a test maps them.
 */
export interface ModelVersion {
  readonly version: string
  readonly code: number
}

export interface ModelAlias {
  readonly version: string
}

export class FunctionModel {
  code: number
  /** Something is being prepared. */
  busy: 'creating' | 'updating' | undefined = 'creating'
  readonly versions = new Map<string, ModelVersion>()
  readonly aliases = new Map<string, ModelAlias>()

  constructor(code: number) {
    this.code = code
  }

  newest(): ModelVersion | undefined {
    return [...this.versions.values()].at(-1)
  }
}

export class LambdaModel {
  readonly functions = new Map<string, FunctionModel>()
  /** Numbers belong to the name: they outlive the function. */
  readonly #next = new Map<string, number>()

  create(name: string, code: number): number {
    if (this.functions.has(name)) return 409
    this.functions.set(name, new FunctionModel(code))
    return 201
  }

  update(name: string, code: number, revisionIsLatest: boolean): number {
    const found = this.functions.get(name)
    if (found === undefined) return 404
    if (!revisionIsLatest) return 412
    if (found.busy !== undefined) return 409
    found.code = code
    found.busy = 'updating'
    return 200
  }

  settle(): void {
    for (const one of this.functions.values()) one.busy = undefined
  }

  publish(name: string, revisionIsLatest: boolean): { status: number; version?: string } {
    const found = this.functions.get(name)
    if (found === undefined) return { status: 404 }
    if (!revisionIsLatest) return { status: 412 }
    if (found.busy !== undefined) return { status: 409 }
    const newest = found.newest()
    if (newest?.code === found.code) return { status: 201, version: newest.version }
    const number = this.#next.get(name) ?? 1
    this.#next.set(name, number + 1)
    const version = String(number)
    found.versions.set(version, { version, code: found.code })
    return { status: 201, version }
  }

  deleteVersion(name: string, version: string): number {
    const found = this.functions.get(name)
    if (found === undefined) return 404
    if ([...found.aliases.values()].some((alias) => alias.version === version)) return 409
    found.versions.delete(version)
    return 204
  }

  deleteFunction(name: string): number {
    return this.functions.delete(name) ? 204 : 404
  }

  createAlias(name: string, alias: string, version: string): number {
    const found = this.functions.get(name)
    if (found === undefined) return 404
    if (found.aliases.has(alias)) return 409
    if (!found.versions.has(version)) return 404
    found.aliases.set(alias, { version })
    return 201
  }

  moveAlias(
    name: string,
    alias: string,
    to: { version: string; revisionIsLatest: boolean },
  ): number {
    const found = this.functions.get(name)
    if (found?.aliases.has(alias) !== true) return 404
    if (!to.revisionIsLatest) return 412
    if (!found.versions.has(to.version)) return 404
    found.aliases.set(alias, { version: to.version })
    return 200
  }

  deleteAlias(name: string, alias: string): number {
    const found = this.functions.get(name)
    if (found === undefined) return 404
    found.aliases.delete(alias)
    return 204
  }
}
