import { canonicalJson } from '../model/index.ts'
import type { LedgerEntry } from '../ledger/index.ts'
import { cell, type EvidenceContents, type EvidenceRow } from './contents.ts'
import { ExpectedRows } from './expected-rows.ts'
import type { Findings } from './findings.ts'
import { edgeOf, wholeRange } from './places.ts'
import { aliasIntervals } from './report.ts'
import { LASTING_TABLES, isOwn, isWhole, succeededAt } from './scope.ts'
import { RangeWalk } from './verify-log.ts'

/**
 * One pass over the range, from ledger to ledger: the trees, the times, and that nothing about the alias is left out of the
 * rest. `ranges` are those of the ledgers in their order, and so are the walks.
 */
export function walkRange(
  contents: EvidenceContents,
  ranges: readonly Buffer[],
  findings: Findings,
  outside: readonly string[],
): RangeWalk[] {
  const rows = new ExpectedRows(contents, findings)
  for (const { entry } of contents.entries.values()) rows.meet(entry)
  const inRange = new RangeCheck(contents, findings, rows)
  const oldest = contents.entries.get(0)
  if (oldest !== undefined) inRange.checkBeginning(oldest.entry)
  const walks: RangeWalk[] = []
  for (const [at, ledger] of contents.ledgers.entries()) {
    const sizesWanted = [
      ...ledger.checkpoints.map(({ checkpoint }) => checkpoint.size),
      ...outside.flatMap(sizeIn),
    ]
    const lastAt = walks.at(-1)?.lastAt ?? 0
    const walk = new RangeWalk(ledger, findings, { sizesWanted, lastAt })
    for (const line of linesOf(ranges[at] ?? Buffer.alloc(0))) {
      if (findings.isFull) break
      const entry = walk.add(line)
      if (entry === undefined) continue
      if (!contents.entries.has(entry.index)) rows.meet(entry)
      inRange.check(entry)
    }
    walk.finish()
    walks.push(walk)
  }
  rows.finish()
  const withheld = walks.reduce((all, walk) => all + walk.withheld, 0)
  if (withheld > 0 && contents.head.scope.entries !== 'own')
    findings.add('window', `${withheld} entries of the range are not inside`)
  checkBounds(contents, findings)
  return walks
}

function sizeIn(note: string): number[] {
  const size = Number(note.split('\n')[1])
  return Number.isSafeInteger(size) ? [size] : []
}

function* linesOf(range: Buffer): Generator<string> {
  for (let at = 0; at < range.length;) {
    const end = range.indexOf(10, at)
    yield range.toString('utf8', at, end < 0 ? range.length : end)
    at = end < 0 ? range.length : end + 1
  }
}

/** What each entry of the range demands of the rest of the archive. */
class RangeCheck {
  readonly #contents: EvidenceContents
  readonly #findings: Findings
  readonly #rows: ExpectedRows
  readonly #intervals: ReadonlySet<number>

  constructor(contents: EvidenceContents, findings: Findings, rows: ExpectedRows) {
    this.#contents = contents
    this.#findings = findings
    this.#rows = rows
    this.#intervals = new Set(aliasIntervals(contents).map(({ row }) => Number(row['id'])))
  }

  check(entry: LedgerEntry): void {
    const { scope } = this.#contents.head
    this.#checkTime(entry)
    if (!this.#contents.entries.has(entry.index)) this.checkBeginning(entry)
    if (scope.entries !== 'own') this.#checkRows(entry)
    if (isOwn(scope, entry, this.#intervals) && !this.#contents.entries.has(entry.index))
      this.#findings.add('missing', `entry ${entry.index}, which is about the alias, has no file`)
  }

  /** A row of what was live is named by its number alone: only with the row it is seen whose it is. */
  #checkRows({ index, changes }: LedgerEntry): void {
    for (const { table, key, sha256: digest } of changes) {
      if (digest === null || !LASTING_TABLES.includes(table) || this.#rows.holds(table, key))
        continue
      this.#findings.add(
        'missing',
        `${table} ${canonicalJson(key)}, which entry ${index} changed, is not inside`,
      )
    }
  }

  /** The window lies in the ledgers inside. The first entry of the oldest says of itself whether there was one before. */
  checkBeginning(entry: LedgerEntry): void {
    const succeeded = succeededAt(entry)
    if (succeeded === undefined) return
    const { fromMs, entries } = this.#contents.head.scope
    if (fromMs < succeeded)
      this.#findings.add('window', 'the window begins before this ledger, which succeeds another')
    else if (entries === 'opening' && !isAllLive(liveAtStart(this.#contents)))
      this.#findings.add(
        'window',
        'what was live at the start may have begun in the ledger that this one succeeds',
      )
  }

  #checkTime({ index, at }: LedgerEntry): void {
    const { fromMs, toMs, entries } = this.#contents.head.scope
    if (at >= toMs || (entries !== 'opening' && at < fromMs))
      this.#findings.add('window', `entry ${index} of the range is outside the window`)
  }
}

/** What was live when a window began; with one that ended in that very instant. */
function liveAtStart(contents: EvidenceContents): EvidenceRow[] {
  const { fromMs } = contents.head.scope
  return aliasIntervals(contents).filter(({ row }) => {
    const to = row['to_ms'] ?? null
    return Number(row['from_ms']) < fromMs && (to === null || Number(to) >= fromMs)
  })
}

function isAllLive(live: readonly EvidenceRow[]): boolean {
  return isWhole(live.map(({ row }) => Number(row['weight'])))
}

/** The range is all of the window: the entry in front of it is older, the one behind it newer. */
function checkBounds({ head, newest, entries }: EvidenceContents, findings: Findings): void {
  const total = newest.base + newest.size
  const { first, end } = wholeRange(head)
  const { fromMs, toMs } = head.scope
  const before = entries.get(first - 1)?.entry
  if (
    head.scope.entries !== 'opening' &&
    first > 0 &&
    !(before !== undefined && before.at < fromMs)
  )
    findings.add(
      'window',
      `the range does not begin with the window: entry ${first - 1} is not shown to be older`,
    )
  const behind = entries.get(end)?.entry
  if (end < total && !(behind !== undefined && behind.at >= toMs))
    findings.add(
      'window',
      `the range does not end with the window: entry ${end} is not shown to be newer`,
    )
}

/** With `opening` the range reaches back to where everything live at the start began: at most one of a slot. */
export function checkCarried(contents: EvidenceContents, findings: Findings): void {
  const { scope } = contents.head
  const { first } = wholeRange(contents.head)
  const live = liveAtStart(contents)
  const slots = live.map(({ row }) => cell(row, 'slot'))
  if (new Set(slots).size !== slots.length)
    findings.add('window', 'two versions are told to have been live in one slot at the start')
  if (scope.entries !== 'opening' || first === 0) return
  const begun = live.map(({ row }) => edgeOf(contents.ledgers, row, 'from') ?? -1)
  if (!isAllLive(live) || begun.some((place) => place < first))
    findings.add(
      'window',
      'the range does not reach back to where what was live at the start began',
    )
}
