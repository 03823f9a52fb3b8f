import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'

import { expect, test } from 'vitest'

import { corpus, runZipCorpus } from './corpora/zip.ts'

const root = resolve(process.env['LACRE_VECTORS'] ?? '../shared/vectors')
const there = existsSync(join(root, 'zip'))

test.skipIf(!there)('answers every row of the zip corpus as its README demands', async () => {
  const result = await corpus.run(root, () => {})

  expect(result.wrong).toEqual([])
  expect(result.right).toBeGreaterThan(900)
})

test('counts an untyped error as wrong, whatever the row demands', async () => {
  const row = { id: 'x', b64: '', expect: 'no-crash' } as const

  const result = await runZipCorpus([row], () => Promise.reject(new TypeError('boom')))

  expect(result.wrong).toHaveLength(1)
})
