import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'

import { expect, test } from 'vitest'

import { corpus } from './corpora/lambda-events.ts'

const root = resolve(process.env['LACRE_VECTORS'] ?? '../shared/vectors')
const there = existsSync(join(root, corpus.name))

test.skipIf(!there)(
  'hands real events of AWS services to functions in Node, in Python and in a runtime of their own, and back unchanged',
  async () => {
    const result = await corpus.run(root, () => {})

    expect(result.wrong).toEqual([])
    expect(result.right).toBeGreaterThan(300)
  },
)
