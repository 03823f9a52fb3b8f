import { findHold, type RowRef } from '../audit/index.ts'
import {
  LATEST,
  functionArn,
  type ConcurrencyCap,
  type Place,
  type ReleaseSpec,
} from '../model/index.ts'
import type { Reader, Store, Writer } from '../store/index.ts'
import { reconcileIntervals, type LedgerPosition } from './intervals.ts'
import {
  isDirect,
  isRefused,
  readLiveFunctions,
  type LiveFunction,
  type LiveVersion,
} from './snapshot.ts'
import type { LiveUrl } from './urls.ts'
import { liveHistory, liveTable, type LiveRow } from './table.ts'

export type Resolution =
  | {
      readonly kind: 'found'
      readonly spec: ReleaseSpec
      /** Digits or `$LATEST`: X-Amz-Executed-Version. */
      readonly executedVersion: string
      /** With the alias, as the function sees it (SPEC A3). */
      readonly invokedArn: string
      readonly concurrency: ConcurrencyCap | undefined
      /** Where the function's has risen since, the call is resolved anew before it runs. */
      readonly generation: number
    }
  | { readonly kind: 'not-found'; readonly arn: string }
  /** There, and not to be invoked by that name: the function's reach is `aliases`. */
  | ({ readonly kind: 'closed'; readonly arn: string; readonly target: string } & NotRun)
  /** Its release violates, and the reaction that is set refuses it by every name. */
  | ({ readonly kind: 'refused'; readonly arn: string; readonly version: string } & NotRun)
  /** There, and not to be invoked: a ledger was begun anew, and what is live has not been judged since (RULES §6). */
  | { readonly kind: 'held'; readonly arn: string }
  | ({ readonly kind: 'pending'; readonly arn: string } & NotRun)
  | ({ readonly kind: 'failed'; readonly arn: string; readonly reason: string } & NotRun)

/** A version that is there and is not run: where its events that are given up go. */
interface NotRun {
  readonly deadLetterArn: string | undefined
}

/** What can be invoked: a frozen snapshot in memory for the warm path, interval rows for everybody else. */
export class LiveSet {
  #functions: ReadonlyMap<string, LiveFunction> = new Map()
  #urls: ReadonlyMap<string, LiveUrl> = new Map()
  #held = true
  readonly #store: Store
  readonly #place: Place

  constructor(options: { readonly store: Store; readonly place: Place }) {
    this.#store = options.store
    this.#place = options.place
  }

  /** Replaces the snapshot (of the named functions, or whole) by what is committed. */
  async refresh(functionNames?: readonly string[]): Promise<void> {
    const { fresh, held } = await this.#store.snapshot(async (reader) => ({
      fresh: await readLiveFunctions(
        reader,
        this.#place,
        functionNames,
        functionNames === undefined ? undefined : this.#functions,
      ),
      held: (await findHold(reader)) !== undefined,
    }))
    this.#held = held
    if (functionNames === undefined) {
      this.#functions = fresh
      this.#urls = urlsOf(fresh.values())
      return
    }
    const urls = new Map(this.#urls)
    for (const name of functionNames) {
      for (const { id } of this.#functions.get(name)?.urls ?? []) urls.delete(id)
      for (const url of fresh.get(name)?.urls ?? []) urls.set(url.id, url)
    }
    this.#urls = urls
    const next = new Map(this.#functions)
    for (const name of functionNames) {
      const found = fresh.get(name)
      if (found === undefined) next.delete(name)
      else next.set(name, found)
    }
    this.#functions = next
  }

  /**
   * The version a qualifier means now; `fraction` in [0, 1) draws between an alias's two versions.
   * Memory only: no database, no signature, no policy on this path.
   */
  resolve(name: string, qualifier: string | undefined, fraction: number): Resolution {
    const owner = this.#functions.get(name)
    const arn = functionArn(this.#place, name, qualifier)
    if (owner === undefined) return { kind: 'not-found', arn }
    if (this.#held) return { kind: 'held', arn }
    const direct = directTarget(qualifier)
    if (direct !== undefined) {
      const target = direct === LATEST ? owner.latest : owner.versions.get(direct)
      if (target !== undefined && !isDirect(owner.reach, direct))
        return { kind: 'closed', arn, target: direct, ...notRun(target) }
      return toResolution(owner, target, arn)
    }
    const alias = owner.aliases.get(qualifier ?? LATEST)
    if (alias === undefined) return { kind: 'not-found', arn }
    const version =
      alias.routing !== undefined && fraction < alias.routing.weight
        ? alias.routing.version
        : alias.version
    const target = version === LATEST ? owner.latest : owner.versions.get(version)
    return toResolution(owner, target, arn)
  }

  /** 0 for a function of which nothing was ever taken out of use; -1 where there is none. */
  generation(name: string): number {
    return this.#functions.get(name)?.generation ?? -1
  }

  /** The function URL of an id, with what its requests are judged by; memory only. */
  findUrl(id: string): LiveUrl | undefined {
    return this.#urls.get(id)
  }

  /** What is to stand ready before it is asked for: active versions with provisioned concurrency. */
  provisioned(): { readonly spec: ReleaseSpec; readonly count: number }[] {
    if (this.#held) return []
    return [...this.#functions.values()].flatMap((owner) =>
      [...(owner.concurrency?.provisioned ?? [])].flatMap(([version, count]) => {
        const target = version === LATEST ? owner.latest : owner.versions.get(version)
        const runs = target?.state === 'Active' && !isRefused(owner, target)
        return runs ? [{ spec: target.spec, count }] : []
      }),
    )
  }

  /** What is live now, from committed rows. */
  async table(reader: Reader): Promise<LiveRow[]> {
    return await liveTable(reader)
  }

  /** What was live at an instant. */
  async at(reader: Reader, atMs: number): Promise<LiveRow[]> {
    return await liveTable(reader, atMs)
  }

  async history(reader: Reader, functionName: string, alias: string): Promise<LiveRow[]> {
    return await liveHistory(reader, functionName, alias)
  }

  /** Inside the transaction that changes the named functions. */
  async reconcile(
    tx: Writer,
    functionNames: readonly string[],
    position: LedgerPosition,
  ): Promise<RowRef[]> {
    return await reconcileIntervals(tx, this.#place, functionNames, position)
  }
}

/** `$LATEST` or digits, where a qualifier (or none) names a version and no alias. */
function directTarget(qualifier: string | undefined): string | undefined {
  if (qualifier === undefined) return LATEST
  return qualifier === LATEST || /^[0-9]+$/.test(qualifier) ? qualifier : undefined
}

function urlsOf(functions: Iterable<LiveFunction>): Map<string, LiveUrl> {
  const urls = [...functions].flatMap((owner) => owner.urls)
  return new Map(urls.map((url) => [url.id, url]))
}

function toResolution(
  owner: LiveFunction,
  target: LiveVersion | undefined,
  arn: string,
): Resolution {
  const { concurrency, generation } = owner
  if (target === undefined) return { kind: 'not-found', arn }
  if (isRefused(owner, target))
    return { kind: 'refused', arn, version: target.version, ...notRun(target) }
  switch (target.state) {
    case 'Active':
      return {
        kind: 'found',
        spec: target.spec,
        executedVersion: target.version,
        invokedArn: arn,
        concurrency,
        generation,
      }
    case 'Pending':
    case 'Inactive':
      return { kind: 'pending', arn, ...notRun(target) }
    case 'Failed':
      return {
        kind: 'failed',
        arn,
        reason: target.reason ?? 'the code could not be activated',
        ...notRun(target),
      }
  }
}

function notRun({ spec }: LiveVersion): NotRun {
  return { deadLetterArn: spec.deadLetterArn }
}
