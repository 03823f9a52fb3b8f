import type { Json } from '../../services/model/index.ts'
import { objects, type JsonObject, type Service } from './service.ts'

type Query = Readonly<Record<string, string | undefined>>

/** Pages asked for at once; each may hold fewer. */
const PAGE = '500'

/**
 * Every page of a list, or as many as give `most` items; the first answer with all items in it. What the first page says of
 * `keep` members goes with the questions for the others, so that all tell of one state.
 */
export async function everyPage(
  service: Service,
  path: string,
  asked: {
    readonly query: Query
    readonly list: string
    readonly keep?: readonly string[]
    readonly most?: number | undefined
  },
): Promise<{ readonly answer: JsonObject; readonly items: readonly JsonObject[] }> {
  const { list, keep = [], most = Number.POSITIVE_INFINITY } = asked
  const limit = most < Number(PAGE) ? String(most) : PAGE
  let query: Query = { ...asked.query, limit }
  let page = await service.get(path, query)
  const first = page
  const items = [...objects(page, list)]
  while (typeof page['nextMarker'] === 'string' && items.length < most) {
    const kept = keep.map((name) => [name, textOf(first[name])] as const)
    query = { ...query, ...Object.fromEntries(kept), marker: page['nextMarker'] }
    page = await service.get(path, query)
    items.push(...objects(page, list))
  }
  const { nextMarker: _, ...answer } = first
  return {
    answer: { ...answer, [list]: items.slice(0, most) as Json },
    items: items.slice(0, most),
  }
}

function textOf(value: Json | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined
}
