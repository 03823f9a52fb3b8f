import { listPublishers } from '../catalog/index.ts'
import {
  PlatformError,
  sha256,
  type PublisherDocument,
  type X509PublisherDocument,
} from '../model/index.ts'
import { parsePem } from '../seal/index.ts'
import {
  fetchDocument,
  putRevocationList,
  storedRevocationLists,
  type AddressRules,
  type StoredRevocationList,
} from '../sources/index.ts'
import { isListOfPublisher, parseRevocationList, VerificationCache } from '../trust/index.ts'
import { raiseWorld, record } from './commit.ts'
import type { Deps, ListRefresher } from './context.ts'

const LIST_LIMIT_BYTES = 8_388_608
const FETCH_TIMEOUT_MS = 10_000
/** How often it is looked which lists are due. */
const LOOK_INTERVAL_MS = 30_000
/** A list is fetched again after a quarter of the time for which it counts, within these bounds. */
const SHORTEST_INTERVAL_MS = 60_000
const LONGEST_INTERVAL_MS = 3_600_000
/** How far an issuer's clock may run before ours. */
const CLOCK_SKEW_MS = 300_000

/** The URLs that a publisher names. */
export function listUrls(document: PublisherDocument): readonly string[] {
  if (document.kind !== 'x509') return []
  return (document.revocation?.lists ?? []).flatMap((one) => ('url' in one ? [one.url] : []))
}

/** A URL with the publishers that name it, and how long its list counts at most by the strictest of them. */
type Wanted = ReadonlyMap<
  string,
  { readonly maxAgeMs: number; readonly documents: readonly X509PublisherDocument[] }
>

/** Keeps the lists of publishers' URLs fresh; knows when each was last tried, which a restart may forget. */
export class RevocationListRefresher implements ListRefresher, AsyncDisposable {
  readonly #deps: Deps
  readonly #rules: AddressRules
  readonly #triedAtMs = new Map<string, number>()
  readonly #stop = new AbortController()
  #running: Promise<void> = Promise.resolve()

  constructor(deps: Deps, rules: AddressRules) {
    this.#deps = deps
    this.#rules = rules
  }

  /** Looks now and from then on. */
  start(): void {
    this.#running = this.#loop()
  }

  /** Fetches what is due; `urls` whether due or not. What cannot be had is logged, and the list before stays. */
  async refresh(urls: readonly string[] = []): Promise<void> {
    const { clock, store, log } = this.#deps
    const wanted = await this.#wanted()
    const kept = await storedRevocationLists(store.reader, [...wanted.keys()])
    const due = [...wanted].filter(([url, { maxAgeMs }]) => {
      const list = kept.find((one) => one.url === url)
      return urls.includes(url) || this.#isDue(url, list, maxAgeMs)
    })
    const fetches = due.map(async ([url, { documents }]) => {
      this.#triedAtMs.set(url, clock.nowMs())
      try {
        await fetchList(this.#deps, this.#rules, { url, documents })
      } catch (error) {
        log.warn({ url, err: error }, 'a revocation list could not be renewed')
      }
    })
    await Promise.all(fetches)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#running
  }

  async #loop(): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      try {
        await this.refresh()
        await this.#deps.clock.sleep(LOOK_INTERVAL_MS, signal)
      } catch (error) {
        if (signal.aborted) return
        this.#deps.log.error({ err: error }, 'revocation lists could not be looked after')
        await this.#deps.clock.sleep(LOOK_INTERVAL_MS, signal).catch(() => undefined)
      }
    }
  }

  #isDue(url: string, list: StoredRevocationList | undefined, maxAgeMs: number): boolean {
    const triedAtMs = this.#triedAtMs.get(url)
    if (triedAtMs === undefined) return true
    const countsMs =
      list === undefined ? 0 : Math.min(list.nextUpdateMs - list.thisUpdateMs, maxAgeMs)
    const interval = Math.min(Math.max(countsMs / 4, SHORTEST_INTERVAL_MS), LONGEST_INTERVAL_MS)
    const nowMs = this.#deps.clock.nowMs()
    const endMs = list && Math.min(list.nextUpdateMs, list.thisUpdateMs + maxAgeMs)
    // one that has ended, or soon will, is asked for at the shortest interval
    const late = endMs === undefined || nowMs + interval > endMs
    return nowMs >= triedAtMs + (late ? SHORTEST_INTERVAL_MS : interval)
  }

  async #wanted(): Promise<Wanted> {
    const wanted = new Map<string, { maxAgeMs: number; documents: X509PublisherDocument[] }>()
    const { store, place } = this.#deps
    for (const { versions } of await listPublishers(store.reader, place)) {
      for (const { document } of versions) {
        if (document.kind !== 'x509') continue
        const maxAgeMs = document.revocation?.maxAgeMs ?? Infinity
        for (const url of listUrls(document)) {
          const known = wanted.get(url) ?? { maxAgeMs: Infinity, documents: [] }
          const documents = [...known.documents, document]
          wanted.set(url, { maxAgeMs: Math.min(known.maxAgeMs, maxAgeMs), documents })
        }
      }
    }
    return wanted
  }
}

/** A changed list raises the world: what was decided by the one before is decided again. */
async function fetchList(
  deps: Deps,
  rules: AddressRules,
  {
    url,
    documents,
  }: { readonly url: string; readonly documents: readonly X509PublisherDocument[] },
): Promise<void> {
  const accept = 'application/pkix-crl, */*;q=0.1'
  const limits = { maxBytes: LIST_LIMIT_BYTES, timeoutMs: FETCH_TIMEOUT_MS }
  const bytes = await fetchDocument({ url, accept, ...limits }, rules)
  // nothing that cannot be read, or that anybody could have made, takes the place of a list that counts
  const der = toDer(bytes)
  const cache = new VerificationCache()
  const parsed = parseRevocationList(der, cache)
  const { thisUpdateMs, nextUpdateMs } = parsed
  if (!documents.some((document) => isListOfPublisher(parsed, document, cache)))
    throw new PlatformError(
      'UNAVAILABLE',
      `\`${url}\` gave a list that no root or intermediate of the publisher signed`,
    )
  if (thisUpdateMs > deps.clock.nowMs() + CLOCK_SKEW_MS)
    throw new PlatformError('UNAVAILABLE', `\`${url}\` gave a list of a time to come`)
  const event = { type: 'revocation-list', action: 'lacre:RenewRevocationList', resource: url }
  await record(deps, event, async (tx, atMs) => {
    const [kept] = await storedRevocationLists(tx, [url])
    if (kept?.sha256 === sha256(der)) return undefined
    // whoever answers for the URL cannot take back what a later list said
    if (kept !== undefined && kept.thisUpdateMs > thisUpdateMs)
      throw new PlatformError('UNAVAILABLE', `\`${url}\` gave an older list than the one at hand`)
    await putRevocationList(tx, {
      url,
      der,
      sha256: sha256(der),
      thisUpdateMs,
      nextUpdateMs,
      fetchedAtMs: atMs,
    })
    await raiseWorld(tx)
    return { result: undefined, touched: [{ table: 'revocation_list' as const, key: { url } }] }
  })
}

/** RFC 5280 §4.2.1.13 has DER; PEM is what many a web server holds. */
function toDer(bytes: Uint8Array): Uint8Array {
  if (bytes[0] === 0x30) return bytes
  const [block, ...more] = parsePem(Buffer.from(bytes).toString('latin1'))
  if (block?.label === 'X509 CRL' && more.length === 0) return block.bytes
  throw new PlatformError('INVALID_SEAL', 'the answer is no revocation list')
}
