/** What one client believes the service holds: only what was acknowledged. Plain JSON, so that it can be compared. */
export interface Expected {
  readonly functions: Readonly<Record<string, ExpectedFunction>>
  /** Layer name → version → CodeSha256. */
  readonly layers: Readonly<Record<string, Readonly<Record<string, string>>>>
  /** The number that the next version of a function name, or of a layer, takes. */
  readonly counters: Readonly<Record<string, number>>
}

export interface ExpectedFunction {
  readonly codeSha256: string
  readonly layers: readonly string[]
  /** The code signing config's ARN. */
  readonly config: string | null
  readonly versions: Readonly<Record<string, ExpectedVersion>>
  readonly aliases: Readonly<Record<string, ExpectedAlias>>
}

export interface ExpectedVersion {
  readonly codeSha256: string
  readonly layers: readonly string[]
}

export interface ExpectedAlias {
  readonly version: string
  readonly weights: Readonly<Record<string, number>>
}

export const nothing: Expected = { functions: {}, layers: {}, counters: {} }

export function withFunction(
  before: Expected,
  name: string,
  owner: ExpectedFunction | undefined,
): Expected {
  const { [name]: _, ...others } = before.functions
  return {
    ...before,
    functions: owner === undefined ? others : { ...others, [name]: owner },
  }
}

export function functionOf(expected: Expected, name: string): ExpectedFunction {
  const owner = expected.functions[name]
  if (owner === undefined) throw new Error(`the load has no function ${name}`)
  return owner
}

export function counterOf(expected: Expected, name: string): number {
  return expected.counters[name] ?? 1
}

/** The newest version by number; `undefined` where none is published. */
export function newestVersion(owner: ExpectedFunction): string | undefined {
  return Object.keys(owner.versions).toSorted((a, b) => Number(b) - Number(a))[0]
}

/** `$LATEST` published: the next number, or the newest version again where nothing changed. */
export function published(before: Expected, name: string): { after: Expected; version: string } {
  const owner = functionOf(before, name)
  const newest = newestVersion(owner)
  const { codeSha256, layers } = owner
  const last = newest === undefined ? undefined : owner.versions[newest]
  const same = last?.codeSha256 === codeSha256 && last.layers.join() === layers.join()
  if (newest !== undefined && same) return { after: before, version: newest }
  const version = String(counterOf(before, name))
  const after = withFunction(before, name, {
    ...owner,
    versions: { ...owner.versions, [version]: { codeSha256, layers } },
  })
  return {
    after: { ...after, counters: { ...after.counters, [name]: Number(version) + 1 } },
    version,
  }
}

/** Two states with the same functions and layers say the same text. */
export function textOf(expected: Expected): string {
  return JSON.stringify(sorted({ functions: expected.functions, layers: expected.layers }))
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]))
}
