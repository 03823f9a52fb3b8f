import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach, beforeEach, expect, test } from 'vitest'

import { chooseServices } from '../../../../cli/signing/keyless/index.ts'

const NOW_MS = Date.UTC(2026, 5, 1)
const PAST = { start: '2024-01-01T00:00:00Z', end: '2025-01-01T00:00:00Z' }
const FUTURE = { start: '2027-01-01T00:00:00Z' }
const OPEN = { start: '2025-01-01T00:00:00Z' }

let dir = ''
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'lacre-config-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const service = (name: string, operator: string, version = 1, validFor: object = OPEN) => ({
  url: `https://${name}.test`,
  majorApiVersion: version,
  operator,
  validFor,
})

function choose(config: object, options: Parameters<typeof chooseServices>[0] = {}) {
  const mediaType = 'application/vnd.dev.sigstore.signingconfig.v0.2+json'
  const file = join(dir, 'signing_config.json')
  writeFileSync(file, JSON.stringify({ mediaType, ...config }))
  const chosen = chooseServices({ signingConfig: file, ...options }, NOW_MS)
  const host = (url: URL | string | undefined) => url && new URL(url).hostname.replace('.test', '')
  return {
    fulcio: host(chosen.fulcio),
    issuer: host(chosen.issuer),
    logs: chosen.logs.map(({ url, apiVersion }) => `${host(url)} v${apiVersion}`),
    stamps: chosen.timestampServers.map(host),
  }
}

test('takes what is valid now, in the highest version that is spoken here', () => {
  const chosen = choose({
    caUrls: [
      service('old-ca', 'a', 1, PAST),
      service('later-ca', 'a', 1, FUTURE),
      service('ca-v2', 'a', 2),
      service('ca', 'a'),
    ],
    oidcUrls: [service('issuer', 'a')],
    rekorTlogUrls: [service('one', 'a', 1), service('two', 'a', 2), service('three', 'a', 3)],
    rekorTlogConfig: { selector: 'ANY' },
    tsaUrls: [service('tsa', 'a')],
    tsaConfig: { selector: 'ANY' },
  })

  expect(chosen).toEqual({ fulcio: 'ca', issuer: 'issuer', logs: ['two v2'], stamps: ['tsa'] })
})

test('takes the newest of an operator, and never two of one', () => {
  const newer = { start: '2026-01-01T00:00:00Z' }
  const logs = [service('a1', 'a'), service('a2', 'a', 1, newer), service('b1', 'b')]

  expect(choose({ rekorTlogUrls: logs, rekorTlogConfig: { selector: 'ALL' } }).logs).toEqual([
    'a2 v1',
    'b1 v1',
  ])
  expect(
    choose({ rekorTlogUrls: logs, rekorTlogConfig: { selector: 'EXACT', count: 2 } }).logs,
  ).toEqual(['a2 v1', 'b1 v1'])
  expect(choose({ rekorTlogUrls: logs }).logs).toEqual(['a2 v1'])
})

test('lets the command line name another', () => {
  const chosen = choose(
    { caUrls: [service('ca', 'a')], rekorTlogUrls: [service('log', 'a')] },
    { fulcioUrl: 'https://mine.test', rekorUrl: ['https://log-2.test'], rekorApiVersion: '2' },
  )

  expect(chosen).toMatchObject({ fulcio: 'mine', logs: ['log-2 v2'] })
})

test.each([
  ['another type', { mediaType: 'application/vnd.dev.sigstore.signingconfig.v0.1+json' }],
  [
    'fewer operators than wanted',
    {
      rekorTlogUrls: [service('a', 'a'), service('b', 'a')],
      rekorTlogConfig: { selector: 'EXACT', count: 2 },
    },
  ],
  ['no service that is valid now', { tsaUrls: [service('a', 'a', 1, PAST)] }],
  ['no service of a version spoken here', { caUrls: [service('a', 'a', 7)] }],
  ['a selector that is none', { rekorTlogConfig: { selector: 'SOME' } }],
  ['a count of nothing', { rekorTlogConfig: { selector: 'EXACT', count: 0 } }],
  ['plain http', { caUrls: [{ ...service('a', 'a'), url: 'http://a.test' }] }],
  ['a URL with a password', { caUrls: [{ ...service('a', 'a'), url: 'https://u:p@a.test' }] }],
  ['a time that is none', { caUrls: [service('a', 'a', 1, { start: 'yesterday' })] }],
  ['a list that is none', { caUrls: 'https://a.test' }],
])('refuses %s', (_title, config) => {
  expect(() => choose(config)).toThrow(expect.objectContaining({ code: 'INVALID_PARAMETER' }))
})
