import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'

import { expect, test } from 'vitest'

import { corpus } from './corpora/cms.ts'

const root = resolve(process.env['LACRE_VECTORS'] ?? '../shared/vectors')
const there = existsSync(join(root, 'cms'))

test.skipIf(!there)('answers every row of the CMS corpus as its README demands', async () => {
  const result = await corpus.run(root, () => {})

  expect(result.wrong).toEqual([])
  expect(result.right).toBeGreaterThan(160)
})
