import { inline } from '../terminal.ts'

const GAP = '  '

/**
 * Columns as wide as their widest cell, two spaces between; foreign text cannot break a line. Where a terminal watches that
 * has fewer columns, each row is told in lines of its own: nothing is cut, for it may be the very thing to be seen.
 */
export function textTable(
  headers: readonly string[],
  rows: readonly (readonly string[])[],
  columns: number | undefined,
): string {
  const cells = [headers, ...rows].map((row) => row.map(inline))
  const widths = headers.map((_, at) => Math.max(...cells.map((row) => row[at]?.length ?? 0)))
  const lines = cells.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join(GAP)
      .trimEnd(),
  )
  const isTooWide = columns !== undefined && lines.some((line) => line.length > columns)
  if (!isTooWide) return lines.join('\n')
  return cells
    .slice(1)
    .map((row) => record(headers, row))
    .join('\n\n')
}

/** A row by its headers, without what is empty. */
function record(headers: readonly string[], row: readonly string[]): string {
  const width = Math.max(...headers.map(({ length }) => length))
  return headers
    .map((header, at) => [header, row[at] ?? ''] as const)
    .filter(([, cell]) => cell !== '')
    .map(([header, cell]) => `${header.padEnd(width)}${GAP}${cell}`)
    .join('\n')
}
