import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'

import { expect, test } from 'vitest'

import { corpus } from './corpora/attestations.ts'

const root = resolve(process.env['LACRE_VECTORS'] ?? '../shared/vectors')
const there = existsSync(join(root, corpus.name))

test.skipIf(!there)(
  'verifies real provenance, and takes no attestation, document or envelope for a seal',
  async () => {
    const result = await corpus.run(root, () => {})

    expect(result.wrong).toEqual([])
    expect(result.right).toBeGreaterThan(150)
  },
)
