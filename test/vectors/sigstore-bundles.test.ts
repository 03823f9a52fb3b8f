import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'

import { expect, test } from 'vitest'

import { corpus } from './corpora/sigstore-bundles.ts'

const root = resolve(process.env['LACRE_VECTORS'] ?? '../shared/vectors')
const there = existsSync(join(root, corpus.name))

test.skipIf(!there)('answers every Sigstore bundle as its suite demands', async () => {
  const result = await corpus.run(root, () => {})

  expect(result.wrong).toEqual([])
  expect(result.right).toBeGreaterThan(200)
})
