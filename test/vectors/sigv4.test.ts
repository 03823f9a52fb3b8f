import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'

import { expect, test } from 'vitest'

import { corpus } from './corpora/sigv4.ts'

const root = resolve(process.env['LACRE_VECTORS'] ?? '../shared/vectors')
const there = existsSync(join(root, corpus.name))

test.skipIf(!there)(
  'accepts every signed request of the AWS suite and refuses it with one byte changed',
  async () => {
    const result = await corpus.run(root, () => {})

    expect(result.wrong).toEqual([])
    expect(result.right).toBeGreaterThan(100)
  },
)
