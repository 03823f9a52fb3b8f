import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'

import { expect, test } from 'vitest'

import { corpus } from './corpora/cedar.ts'

const root = resolve(process.env['LACRE_VECTORS'] ?? '../shared/vectors')
const there = existsSync(join(root, 'cedar'))

test.skipIf(!there)('answers every request of the Cedar corpus as Cedar does', async () => {
  const result = await corpus.run(root, () => {})

  expect(result.wrong).toEqual([])
  expect(result.right).toBeGreaterThan(1_000)
})
