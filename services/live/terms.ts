import type { Facts, ReleaseLayer } from '../model/index.ts'
import type { Reader, Writer } from '../store/index.ts'
import { toHeldInterval, type HeldInterval } from './held.ts'

/** What a release is found by: a digest of it or of a part, a layer by its ARN, a publisher whose seal stood behind a part. */
export type LiveTerm =
  | { readonly kind: 'digest'; readonly sha256: string }
  /** With its version, or all versions of it. */
  | { readonly kind: 'layer'; readonly arn: string }
  | { readonly kind: 'publisher'; readonly name: string }

/** What an interval that began makes a release findable by. */
export interface NewTerms {
  readonly functionName: string
  readonly release: string
  readonly codeSha256: string
  readonly layers: readonly ReleaseLayer[]
  readonly decisionId: string
}

/** In the transaction in which the interval begins: a few rows for a release that is new under the name, else none. */
export async function insertTerms(tx: Writer, held: NewTerms): Promise<void> {
  const artifact = await tx
    .selectFrom('artifact')
    .select(['sha256', 'tree'])
    .where('code_sha256', '=', held.codeSha256)
    .executeTakeFirstOrThrow()
  const digests = [
    held.release,
    held.codeSha256,
    artifact.sha256,
    artifact.tree,
    ...held.layers.flatMap((layer) => [layer.codeSha256, layer.sha256, layer.tree]),
  ]
  const terms: LiveTerm[] = [
    ...digests.map((sha256) => ({ kind: 'digest', sha256 }) as const),
    ...held.layers.flatMap(({ arn }) => [
      { kind: 'layer', arn } as const,
      { kind: 'layer', arn: arn.replace(/:\d+$/, '') } as const,
    ]),
    ...publishersBehind(await readFacts(tx, held.decisionId), held).map(
      (name) => ({ kind: 'publisher', name }) as const,
    ),
  ]
  const { functionName: function_name, release } = held
  const texts = new Set(terms.map(termText))
  await tx
    .insertInto('live_term')
    .values([...texts].map((term) => ({ term, function_name, release })))
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

function termText(term: LiveTerm): string {
  switch (term.kind) {
    case 'digest':
      return `digest ${term.sha256}`
    case 'layer':
      return `layer ${term.arn}`
    case 'publisher':
      return `publisher ${term.name}`
  }
}

async function readFacts(reader: Reader, decisionId: string): Promise<Facts> {
  const { body } = await reader
    .selectFrom('decision')
    .innerJoin('document', 'document.sha256', 'decision.facts')
    .select('document.body')
    .where('decision.id', '=', decisionId)
    .executeTakeFirstOrThrow()
  return JSON.parse(body) as Facts
}

/** Names of the publishers whose seals counted for the code or a layer, by the facts of the decision. */
export function publishersBehind(
  facts: Pick<Facts, 'subjects'>,
  held: Pick<NewTerms, 'codeSha256' | 'layers'>,
): string[] {
  const parts = new Set([held.codeSha256, ...held.layers.map(({ codeSha256 }) => codeSha256)])
  const names = facts.subjects
    .filter(({ codeSha256 }) => parts.has(codeSha256))
    .flatMap(({ verdict }) => verdict.seals.filter(({ outcome }) => outcome === 'trusted'))
    .flatMap(({ publisher }) => (publisher === undefined ? [] : [publisher.name]))
  return [...new Set(names)].toSorted()
}

/** The place in the intervals of a term after which a page begins. */
export interface TermPosition {
  readonly functionName: string
  readonly release: string
  readonly fromMs: number
  readonly id: number
}

export interface TermAsked {
  readonly after?: TermPosition | undefined
  /** Those alone that go on. */
  readonly open?: boolean
  readonly limit: number
}

export interface TermPage {
  readonly intervals: readonly HeldInterval[]
  /** Where the next page begins after; `undefined` at the end. A page may hold fewer than were asked for. */
  readonly next: TermPosition | undefined
}

/** Releases looked at for one page. */
const RELEASES_LIMIT = 256

/** Intervals of the releases that a term finds, by function, release and begin. */
export async function intervalsOf(
  reader: Reader,
  term: LiveTerm,
  { after, open = false, limit }: TermAsked,
): Promise<TermPage> {
  const intervals: HeldInterval[] = []
  let key = after === undefined ? await nextRelease(reader, term, undefined) : keyOf(after)
  let done = after
  for (let looked = 0; key !== undefined && looked < RELEASES_LIMIT; looked += 1) {
    const room = limit - intervals.length
    // The position is one in the first release; those after it are read from their beginning.
    const from = looked === 0 ? after : undefined
    intervals.push(...(await ofRelease(reader, key, { after: from, open, limit: room })))
    const last = intervals.at(-1)
    if (last !== undefined && intervals.length === limit)
      return { intervals, next: positionOf(last) }
    done = { functionName: key.function_name, release: key.release, ...END }
    key = await nextRelease(reader, term, key)
  }
  return { intervals, next: key === undefined ? undefined : done }
}

/** After every interval of a release. */
const END = { fromMs: Number.MAX_SAFE_INTEGER, id: Number.MAX_SAFE_INTEGER }

function keyOf({ functionName, release }: TermPosition): ReleaseKey {
  return { function_name: functionName, release }
}

function positionOf({ functionName, release, fromMs, id }: HeldInterval): TermPosition {
  return { functionName, release, fromMs, id }
}

interface ReleaseKey {
  readonly function_name: string
  readonly release: string
}

async function nextRelease(
  reader: Reader,
  term: LiveTerm,
  after: ReleaseKey | undefined,
): Promise<ReleaseKey | undefined> {
  const next = reader
    .selectFrom('live_term')
    .select(['function_name', 'release'])
    .where('term', '=', termText(term))
    .orderBy('function_name')
    .orderBy('release')
    .limit(1)
  if (after === undefined) return await next.executeTakeFirst()
  return (
    (await next
      .where('function_name', '=', after.function_name)
      .where('release', '>', after.release)
      .executeTakeFirst()) ??
    (await next.where('function_name', '>', after.function_name).executeTakeFirst())
  )
}

async function ofRelease(
  reader: Reader,
  { function_name, release }: ReleaseKey,
  { after, open, limit }: TermAsked,
): Promise<HeldInterval[]> {
  let query = reader
    .selectFrom('live_interval')
    .selectAll()
    .where('function_name', '=', function_name)
    .where('release', '=', release)
    .orderBy('from_ms')
    .orderBy('id')
    .limit(limit)
  if (open === true) query = query.where('to_ms', 'is', null)
  if (after !== undefined)
    query = query
      .where('from_ms', '>=', after.fromMs)
      .where((is) => is.or([is('from_ms', '>', after.fromMs), is('id', '>', after.id)]))
  return (await query.execute()).map(toHeldInterval)
}
