import { canonicalJson, toIsoTime } from '../../model/index.ts'
import type { LedgerEntry } from '../entry.ts'

const COLUMNS = [
  'index', 'at', 'type', 'action', 'resource', 'principal_id', 'principal_kind', 'principal_name',
  'decision_id', 'decision_digest', 'world', 'changes', 'note', 'origin',
] as const // prettier-ignore

/** RFC 4180 with its header line; each line ends in CR LF. */
export const CSV_HEADER = line(COLUMNS)

/** An entry as one record. What a spreadsheet would take for a formula begins with an apostrophe there. */
export function toCsv(entry: LedgerEntry): string {
  const { principal, decision } = entry
  const cells: Record<(typeof COLUMNS)[number], string> = {
    index: String(entry.index),
    at: toIsoTime(entry.at),
    type: entry.type,
    action: entry.action,
    resource: entry.resource,
    principal_id: principal.id,
    principal_kind: principal.kind,
    principal_name: principal.name,
    decision_id: decision?.id ?? '',
    decision_digest: decision?.digest ?? '',
    world: String(entry.world),
    changes: [...new Set(entry.changes.map(({ table }) => table))].join(' '),
    note: entry.note === undefined ? '' : canonicalJson(entry.note),
    origin: entry.origin,
  }
  return line(COLUMNS.map((column) => cells[column]))
}

function line(cells: readonly string[]): string {
  return `${cells.map(cell).join(',')}\r\n`
}

/** OWASP "CSV injection": also a tab, a line break or a full-width sign in front begins a formula somewhere. */
function cell(text: string): string {
  const safe = /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/.test(text) ? `'${text}` : text
  return /[",\r\n']/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
