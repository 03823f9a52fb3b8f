import { inline } from '../terminal.ts'

/** A column is not made narrower than this: less says nothing. */
const NARROWEST = 8
const GAP = '  '

/**
 * Columns as wide as their widest cell, two spaces between; foreign text cannot break a line. Where a terminal of so many
 * columns watches, the widest ones give way until a row fits in a line, and what is cut ends with an ellipsis.
 */
export function textTable(
  headers: readonly string[],
  rows: readonly (readonly string[])[],
  columns: number | undefined,
): string {
  const cells = [headers, ...rows].map((row) => row.map(inline))
  const widest = headers.map((_, at) => Math.max(...cells.map((row) => row[at]?.length ?? 0)))
  const widths = columns === undefined ? widest : fitted(widest, columns)
  return cells
    .map((row) =>
      row
        .map((cell, at) => cut(cell, widths[at] ?? 0).padEnd(widths[at] ?? 0))
        .join(GAP)
        .trimEnd(),
    )
    .join('\n')
}

function fitted(widest: readonly number[], columns: number): number[] {
  const widths = [...widest]
  let over = sum(widths) + GAP.length * (widths.length - 1) - columns
  while (over > 0) {
    const most = Math.max(...widths)
    if (most <= NARROWEST) break
    widths[widths.lastIndexOf(most)] = most - 1
    over -= 1
  }
  return widths
}

function cut(cell: string, width: number): string {
  return cell.length <= width ? cell : `${cell.slice(0, width - 1)}…`
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
