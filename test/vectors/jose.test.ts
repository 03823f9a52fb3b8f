import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'

import { expect, test } from 'vitest'

import { corpus } from './corpora/jose.ts'

const root = resolve(process.env['LACRE_VECTORS'] ?? '../shared/vectors')
const there = existsSync(join(root, corpus.name))

test.skipIf(!there)(
  'takes signed tokens as the RFCs and Wycheproof have them, by the pinned algorithms, and none with a character changed',
  async () => {
    const result = await corpus.run(root, () => {})

    expect(result.wrong).toEqual([])
    expect(result.right).toBeGreaterThan(100)
  },
)
