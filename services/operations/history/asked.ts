import { PlatformError, functionRef, READ_ACTION } from '../../model/index.ts'
import type { Reader } from '../../store/index.ts'
import type { Caller, Deps } from '../context.ts'
import { readMarker } from '../page.ts'

/** A page of the history as asked for. */
export interface HistoryPage {
  /** The `nextMarker` of the page before. */
  readonly marker?: string | undefined
  readonly limit: number
}

/** What history is asked about: everything, a function, or one alias (or version) of it. */
export interface HistoryScope {
  readonly functionName?: string | undefined
  readonly alias?: string | undefined
}

/**
 * Whoever may not read what he names is refused before it is said whether it ever was.
 * @throws PlatformError ACCESS_DENIED, INVALID_PARAMETER
 */
export async function authorizeScope(
  deps: Deps,
  { principal }: Caller,
  { functionName, alias }: HistoryScope,
): Promise<void> {
  if (functionName === undefined) {
    if (alias === undefined) return
    throw new PlatformError('INVALID_PARAMETER', 'an alias is one of a function: name that, too')
  }
  const object = functionRef(functionName, alias)
  await deps.access.authorize(principal, READ_ACTION[object.kind], object)
}

/** A name that was never used has no history. @throws PlatformError RESOURCE_NOT_FOUND */
export async function refuseUnknown(reader: Reader, functionName: string): Promise<void> {
  const row = await reader
    .selectFrom('function_name')
    .select('name')
    .where('name', '=', functionName)
    .executeTakeFirst()
  if (row !== undefined) return
  throw new PlatformError(
    'RESOURCE_NOT_FOUND',
    `there is no function \`${functionName}\`, and there never was one`,
  )
}

/** Nothing is known of what lies ahead. @throws PlatformError INVALID_PARAMETER */
export function refuseFuture(member: string, atMs: number, nowMs: number): void {
  if (atMs > nowMs) throw new PlatformError('INVALID_PARAMETER', `\`${member}\` lies in the future`)
}

type Cell = string | number

/** The cells of a marker of ours, by kind (`s` text, `n` number). @throws PlatformError INVALID_PARAMETER */
export function readCells(marker: string | undefined, kinds: string): readonly Cell[] | undefined {
  const text = readMarker(marker)
  if (text === undefined) return undefined
  const cells = parsed(text)
  const isOurs =
    Array.isArray(cells) &&
    cells.length === kinds.length &&
    cells.every((cell: unknown, at) =>
      kinds[at] === 's' ? typeof cell === 'string' : Number.isSafeInteger(cell),
    )
  if (isOurs) return cells as readonly Cell[]
  throw new PlatformError('INVALID_PARAMETER', 'the marker is none that this service gave')
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
