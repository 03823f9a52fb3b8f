import { expect, test } from 'vitest'

import { BarChart, LineChart } from '../../../../services/http/console/chart.tsx'
import { Html } from '../../../../services/http/console/markup.ts'

const ends = ['00:00', '01:00'] as const
const lines = (...values: (number | null)[]): string =>
  Html.document(
    LineChart({ label: 'l', ends, format: (value) => `${value} ms`, series: [{ label: 'one', values }] }),
  ) // prettier-ignore
const pathOf = (html: string, name: string): string =>
  new RegExp(`<path class="${name}" d="([^"]*)">`).exec(html)?.[1] ?? ''

test('a line is drawn on a logarithmic scale, and broken where nothing ran', () => {
  const html = lines(1, 10, null, 100, 100)

  expect(pathOf(html, 'first')).toBe('M60 160L180 80M420 0L540 0')
  expect(html).toContain('<li>100 ms</li><li>10 ms</li><li>1 ms</li>')
})

test('a value that stands alone is seen', () => {
  expect(pathOf(lines(null, 10, null), 'first')).toBe('M260 160h80')
})

test('nothing at all is no fault of the chart', () => {
  expect(lines(null, null)).not.toMatch(/NaN|Infinity/)
  expect(lines(0, 0.001)).not.toMatch(/NaN|Infinity/)
})

test('bars show what is little beside what is much', () => {
  const bars = [{ all: 1_000, part: 1 }, { all: 0, part: 0 }] // prettier-ignore
  const html = Html.document(BarChart({ label: 'l', ends, bars }))

  expect(pathOf(html, 'all')).toBe('M30 160v-160h240v160z')
  expect(pathOf(html, 'part')).toBe('M30 160v-2h240v2z')
})
