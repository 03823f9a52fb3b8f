import { describe, expect, it } from 'vitest'

import { governedTables } from '../../../services/audit/index.ts'
import {
  EVIDENCE_TABLES,
  LASTING_TABLES,
  escapeHtml,
  formatManifest,
  isOwn,
  parseManifest,
  type Manifest,
} from '../../../services/evidence/index.ts'
import { formatTlogProof, parseTlogProof } from '../../../services/ledger/index.ts'

const place = { account: '000000000000', region: 'us-east-1' }
const arn = 'arn:aws:lambda:us-east-1:000000000000:function:f'
const scope = { place, functionName: 'f', alias: 'prod' }

describe('what belongs to an alias', () => {
  it.each<[string, boolean]>([
    [arn, true],
    [`${arn}:prod`, true],
    [`${arn}:3`, true],
    [`${arn}:$LATEST`, true],
    [`${arn}:test`, false],
    [`${arn}:prod2`, false],
    [`${arn}2:prod`, false],
    [`x${arn}:prod`, false],
    ['arn:aws:lambda:us-east-1:000000000000:function:g:prod', false],
  ])('%s: %s', (resource, own) => {
    expect(isOwn(scope, { resource, changes: [] }, new Set())).toBe(own)
  })

  it('is also what changes one of its intervals, or what governs every alias', () => {
    const change = (table: string, key: Record<string, string | number>) => ({
      resource: 'other',
      changes: [{ table, key, sha256: null }],
    })

    expect(isOwn(scope, change('live_interval', { id: 4 }), new Set([4]))).toBe(true)
    expect(isOwn(scope, change('live_interval', { id: 5 }), new Set([4]))).toBe(false)
    expect(isOwn(scope, change('policy_set', { kind: 'admission', version: 1 }), new Set())).toBe(
      true,
    )
    expect(isOwn(scope, change('artifact', { code_sha256: 'x' }), new Set())).toBe(false)
  })

  it('its tables are those of the ledger, by the same keys, and none holds a secret', () => {
    for (const [table, key] of Object.entries(EVIDENCE_TABLES))
      expect(governedTables).toMatchObject({ [table]: key })
    for (const table of LASTING_TABLES) expect(EVIDENCE_TABLES).toHaveProperty(table)
    for (const table of ['function_version', 'access_key', 'sealed_key', 'principal', 'setting'])
      expect(EVIDENCE_TABLES).not.toHaveProperty(table)
  })
})

describe('the manifest', () => {
  const manifest: Manifest = {
    scope: { ...scope, fromMs: 1_000, toMs: 2_000, entries: 'window' },
    artifacts: false,
    origin: 'lacre/x',
    size: 9,
    range: { first: 2, end: 5, frontier: ['ab'.repeat(32)], consistency: [] },
    earlier: [],
    files: new Map([['rows.jsonl', 'cd'.repeat(32)]]),
  }
  const text = formatManifest(manifest)

  it('is read as it was written', () => {
    expect(parseManifest(Buffer.from(text))).toEqual(manifest)
  })

  it.each<[string, string]>([
    ['another form of the same', text.replace('{', '{ ')],
    ['a member too many', text.replace('"v":1', '"v":1,"w":1')],
    ['a member too few', text.replace('"size":9,', '')],
    ['a range that runs over the log', text.replace('"end":5', '"end":10')],
    ['a range that ends before it begins', text.replace('"end":5', '"end":1')],
    ['a function that is a path', text.replace('"f"', '"../f"')],
    ['another kind', text.replace('lacre evidence', 'evidence')],
    ['a digest that is none', text.replace('cd'.repeat(32), 'cd')],
    ['text', 'evidence'],
    ['nothing', ''],
  ])('refuses %s', (_, changed) => {
    expect(() => parseManifest(Buffer.from(changed))).toThrow('is no manifest of evidence')
  })
})

describe('a proof of a log', () => {
  const note = `lacre/x\n2\n${Buffer.alloc(32).toString('base64')}\n\n— lacre/x AAAAAAAA\n`

  it.each([[[]], [['ab'.repeat(32), 'cd'.repeat(32)]]])(
    'is read as it was written: %j',
    (proof) => {
      const text = formatTlogProof({ index: 1, proof, note })

      expect(text).toMatch(/^c2sp\.org\/tlog-proof@v1\nindex 1\n/)
      expect(parseTlogProof(text)).toEqual({ index: 1, proof, note })
    },
  )

  it.each<[string, string]>([
    ['another header', formatTlogProof({ index: 1, proof: [], note }).replace('v1', 'v2')],
    [
      'an index with a leading zero',
      formatTlogProof({ index: 1, proof: [], note }).replace('index 1', 'index 01'),
    ],
    [
      'a hash that is none',
      formatTlogProof({ index: 1, proof: [], note }).replace('\n\n', '\nAAAA\n\n'),
    ],
    ['nothing', ''],
  ])('refuses %s', (_, text) => {
    expect(() => parseTlogProof(text)).toThrow()
  })
})

it('text on a page is neither markup nor invisible', () => {
  expect(escapeHtml(`<a href='x'>"&"</a>`)).toBe(
    '&lt;a href=&#39;x&#39;&gt;&quot;&amp;&quot;&lt;/a&gt;',
  )
  expect(escapeHtml('a\u202eb\u0000c\u2028')).toBe('a\\u{202e}b\\u{0}c\\u{2028}')
})
