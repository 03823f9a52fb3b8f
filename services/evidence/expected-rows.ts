import { canonicalJson, type Json } from '../model/index.ts'
import { rowDigest, type EntryChange, type LedgerEntry, type Row } from '../ledger/index.ts'
import type { EvidenceContents } from './contents.ts'
import type { Findings } from './findings.ts'
import { aliasIntervals } from './report.ts'
import { edgeOf, wholeRange } from './places.ts'
import { EVIDENCE_TABLES } from './scope.ts'

interface Expected {
  readonly name: string
  readonly digest: string
}

/** Rows by what proves them: each has to be found, by its digest, among the changes of the entry that it names. */
export class ExpectedRows {
  readonly #byIndex = new Map<number, Expected[]>()
  /** Each row as it is shown, and the entry that is told to say so. */
  readonly #shown = new Map<
    string,
    { readonly index: number; readonly digest: string | undefined }
  >()
  readonly #end: number
  readonly #ledgers: EvidenceContents['ledgers']
  readonly #findings: Findings

  constructor(contents: EvidenceContents, findings: Findings) {
    this.#findings = findings
    this.#end = wholeRange(contents.head).end
    this.#ledgers = contents.ledgers
    for (const { table, row, index } of contents.rows) {
      if (!Object.hasOwn(EVIDENCE_TABLES, table)) {
        findings.add('row', `rows of \`${table.slice(0, 80)}\` are none of evidence`)
        continue
      }
      const name = nameOf(table, row)
      if (this.#shown.has(name)) findings.add('row', `${name} is there twice`)
      this.#shown.set(name, { index, digest: this.#expect(index, name, row) })
    }
    for (const interval of aliasIntervals(contents)) this.#expectOpening(interval)
  }

  /** Whether the archive holds the row that a change names. */
  holds(table: string, key: EntryChange['key']): boolean {
    return this.#shown.has(`${table} ${canonicalJson(key)}`)
  }

  /** An entry that stands in the log. */
  meet({ index, changes }: LedgerEntry): void {
    for (const change of changes) this.#refuseStale(index, change)
    const expected = this.#byIndex.get(index)
    if (expected === undefined) return
    this.#byIndex.delete(index)
    const told = new Map(
      changes.map(({ table, key, sha256 }) => [`${table} ${canonicalJson(key)}`, sha256]),
    )
    for (const { name, digest } of expected) {
      if (told.get(name) === digest) continue
      const what = told.has(name) ? 'says that it is another' : 'does not name it'
      this.#findings.add('row', `${name}: entry ${index} ${what}`)
    }
  }

  /** Rows whose entry never came. */
  finish(): void {
    for (const [index, expected] of this.#byIndex)
      for (const { name } of expected)
        this.#findings.add('missing', `${name}: entry ${index}, which proves it, is not inside`)
  }

  /** A row is shown as the newest entry inside leaves it: one that an older entry proves was so once, and is no more. */
  #refuseStale(index: number, { table, key, sha256 }: EntryChange): void {
    const name = `${table} ${canonicalJson(key)}`
    const shown = this.#shown.get(name)
    if (shown === undefined || index <= shown.index || shown.digest === sha256) return
    // What was live is shown as of the end of the window: what ended it later is of another one.
    if (table === 'live_interval' && index >= this.#end) return
    this.#findings.add(
      'row',
      `${name} is shown as entry ${shown.index} left it, though entry ${index} changed it since`,
    )
  }

  /** A row that is closed is what the closing entry says; that it began is what the opening one says. */
  #expectOpening({ row, index }: { readonly row: Row; readonly index: number }): void {
    const name = nameOf('live_interval', row)
    const from = edgeOf(this.#ledgers, row, 'from')
    const to = edgeOf(this.#ledgers, row, 'to')
    const open = { ...row, to_ms: null, to_index: null }
    if (from === undefined || index !== (to ?? from))
      this.#findings.add('row', `${name} is not proven by the entry that it says ended or began it`)
    else if (to !== undefined) this.#expect(from, name, open)
  }

  #expect(index: number, name: string, row: Row): string | undefined {
    const digest = this.#findings.guard('row', name, () => rowDigest(row))
    if (digest === undefined) return undefined
    const known = this.#byIndex.get(index)
    if (known === undefined) this.#byIndex.set(index, [{ name, digest }])
    else known.push({ name, digest })
    return digest
  }
}

function nameOf(table: string, row: Row): string {
  const key = (EVIDENCE_TABLES[table] ?? []).map((column): [string, Json] => [
    column,
    row[column] ?? '',
  ])
  return `${table} ${canonicalJson(Object.fromEntries(key))}`
}
