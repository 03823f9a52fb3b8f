/** How much is remembered; the oldest goes first. A certificate or key is some KB, a result a few bytes. */
const RESULTS_LIMIT = 50_000
const PARSED_LIMIT = 2_000

/**
 * Remembers mathematics: whether these bytes bear this key's signature, and what a key or certificate parses to.
 * Never a verdict: those depend on time, publishers and revocations and are made anew each time.
 */
export class VerificationCache {
  readonly #results = new Map<string, boolean>()
  readonly #parsed = new Map<string, object>()

  /** `key` names artifact, signature and public key; the same name must always mean the same computation. */
  result(key: string, compute: () => boolean): boolean {
    const known = this.#results.get(key)
    if (known !== undefined) return known
    const value = compute()
    remember(this.#results, key, value, RESULTS_LIMIT)
    return value
  }

  /** Values that are a function of the key's bytes alone. */
  parsed<T extends object>(kind: string, digest: string, parse: () => T): T {
    const key = `${kind} ${digest}`
    const known = this.#parsed.get(key)
    // one kind is always asked for with one type
    if (known !== undefined) return known as T
    const value = parse()
    remember(this.#parsed, key, value, PARSED_LIMIT)
    return value
  }
}

function remember<T>(map: Map<string, T>, key: string, value: T, limit: number): void {
  for (const oldest of map.keys()) {
    if (map.size < limit) break
    map.delete(oldest)
  }
  map.set(key, value)
}
