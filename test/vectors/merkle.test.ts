import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'

import { expect, test } from 'vitest'

import { corpus } from './corpora/merkle.ts'

const root = resolve(process.env['LACRE_VECTORS'] ?? '../shared/vectors')
const there = existsSync(join(root, 'merkle'))

test.skipIf(!there)('judges every proof of the merkle corpus as it says', async () => {
  const result = await corpus.run(root, () => {})

  expect(result.wrong).toEqual([])
  expect(result.right).toBeGreaterThan(250)
})
