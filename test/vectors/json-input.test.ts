import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'

import { expect, test } from 'vitest'

import { corpus } from './corpora/json-input.ts'

const root = resolve(process.env['LACRE_VECTORS'] ?? '../shared/vectors')
const there = existsSync(join(root, corpus.name))

test.skipIf(!there)(
  'answers 400 to what is not JSON and takes what is, at every kind of endpoint',
  async () => {
    const result = await corpus.run(root, () => {})

    expect(result.wrong).toEqual([])
    expect(result.right).toBeGreaterThan(500)
  },
)
