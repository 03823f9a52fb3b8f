import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'

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

/** What Prometheus's own tool says; it comes with Prometheus, and what needs it skips itself where it is not there. */
function promtool(args: readonly string[], input = ''): string {
  const { status, stdout, stderr } = spawnSync('promtool', args, { input, encoding: 'utf8' })
  return status === 0 ? stdout : `exit ${status}: ${stdout}${stderr}`
}
const hasPromtool = spawnSync('promtool', ['--version']).status === 0

describe.skipIf(!hasPromtool)('Prometheus itself', () => {
  /** As recording rules: of a query, its tool takes only these. */
  function check(exprs: readonly string[]): string {
    const dir = mkdtempSync(join(tmpdir(), 'lacre-promql-'))
    const rules = exprs.map((expr, at) => ({ record: `query${at}`, expr }))
    // JSON is YAML.
    const groups = [{ name: 'dashboard', rules }]
    writeFileSync(join(dir, 'rules.yml'), JSON.stringify({ groups }))
    const said = promtool(['check', 'rules', join(dir, 'rules.yml')])
    rmSync(dir, { recursive: true })
    return said
  }
  const exprs = panels
    .flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
    .map((expr) => expr.replaceAll('$__rate_interval', '5m'))

  test('parses every query, and none of them cut short', () => {
    expect(check(exprs)).toContain(`SUCCESS: ${exprs.length} rules found`)
    const cut = check(exprs.map((expr) => expr.slice(0, -1)))
    expect(cut).toMatch(/^exit 1/)
    expect(cut.match(/could not parse expression/g)).toHaveLength(exprs.length)
  })

  test('reads what the service exposes', async () => {
    const text = await (await fetch(`${app.url}/metrics`)).text()

    expect(promtool(['check', 'metrics'], text)).toBe('')
    expect(promtool(['check', 'metrics'], `${text}broken{`)).toMatch(/^exit 1/)
  })
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
