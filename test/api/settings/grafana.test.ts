import { readFileSync } from 'node:fs'

import { afterAll, beforeAll, expect, test } from 'vitest'

import { startTestApp, type TestApp } from '../../support/app.ts'

interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly gridPos: {
    readonly x: number
    readonly y: number
    readonly w: number
    readonly h: number
  }
  readonly targets?: readonly { readonly expr: string }[]
}
interface Dashboard {
  readonly panels: readonly Panel[]
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly definition?: string }[]
  }
}

const path = new URL('../../../packaging/grafana/lacre.json', import.meta.url)
const dashboard = JSON.parse(readFileSync(path, 'utf8')) as Dashboard
const panels = dashboard.panels.filter(({ type }) => type !== 'row')
const queries = [
  ...panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
  ...dashboard.templating.list.flatMap(({ definition = [] }) => definition),
]

let app: TestApp
/** What the service says of itself: metrics and their types. */
let exposed: ReadonlyMap<string, string>
beforeAll(async () => {
  app = await startTestApp({ openMetrics: true })
  const text = await (await fetch(`${app.url}/metrics`)).text()
  const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)]
  exposed = new Map(types.map(([, name = '', type = '']) => [name, type]))
}, 60_000)
afterAll(() => app[Symbol.asyncDispose]())

/** The metric of a series: a histogram's own name, without what Prometheus puts behind it. */
function metricOf(series: string): string {
  const base = series.replace(/_(?:bucket|sum|count)$/, '')
  return exposed.get(base) === 'histogram' ? base : series
}

const named = (query: string): string[] => query.match(/\blacre_[a-z_]+/g) ?? []

test('every metric that a query names is one that the service exposes', () => {
  expect(queries.length).toBeGreaterThan(30)
  for (const query of queries) {
    expect(named(query), query).not.toEqual([])
    for (const series of named(query))
      expect([...exposed.keys()], query).toContain(metricOf(series))
  }
})

test('a counter is asked for its rate, a histogram for its buckets, a gauge for neither', () => {
  for (const query of panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)))
    for (const series of named(query)) {
      const type = exposed.get(metricOf(series))
      const rated = new RegExp(`(?:rate|increase)\\(${series}\\{`).test(query)
      expect([series, rated]).toEqual([series, type !== 'gauge'])
      if (type === 'histogram')
        expect(query).toMatch(/^histogram_quantile\(0\.\d+, sum by \(le.*_bucket\{/)
    }
})

test('every metric that the service exposes has a panel', () => {
  const shown = new Set(queries.flatMap(named).map(metricOf))

  expect([...exposed.keys()].filter((name) => !shown.has(name))).toEqual([])
})

test('parentheses close, variables are declared, and no panel lies on another', () => {
  const variables = new Set([
    ...dashboard.templating.list.map(({ name }) => name),
    '__rate_interval',
  ])
  for (const query of queries) {
    for (const [open, close] of ['()', '{}', '[]'])
      expect(query.split(open ?? '').length, query).toBe(query.split(close ?? '').length)
    for (const [, name = ''] of query.matchAll(/\$(\w+)/g)) expect(variables, query).toContain(name)
  }
  const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, at) => `${x + (at % w)},${y + Math.floor(at / w)}`),
  )
  expect(new Set(cells).size).toBe(cells.length)
  expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length)
  expect(Math.max(...dashboard.panels.map(({ gridPos: { x, w } }) => x + w))).toBe(24)
})
