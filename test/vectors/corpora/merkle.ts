import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import {
  verifyConsistency,
  verifyInclusion,
  verifySubtreeConsistency,
  verifySubtreeInclusion,
} from '../../../services/ledger/index.ts'

interface Row {
  readonly id: string
  readonly wantErr: boolean
  readonly proof: readonly string[] | null
  readonly [field: string]: unknown
}

interface MerkleReport {
  readonly right: number
  readonly wrong: readonly {
    readonly id: string
    readonly expected: string
    readonly got: string
  }[]
  readonly notApplicable: number
}

const hex = (value: unknown): string => Buffer.from(String(value), 'base64').toString('hex')
const count = (value: unknown): number => Number(value)

const verifiers: Readonly<Record<string, (row: Row, proof: readonly string[]) => boolean>> = {
  'inclusion.json': (row, proof) =>
    verifyInclusion({
      index: count(row['leafIdx']),
      size: count(row['treeSize']),
      leafHash: hex(row['leafHash']),
      root: hex(row['root']),
      proof,
    }),
  'consistency.json': (row, proof) =>
    verifyConsistency({
      first: count(row['size1']),
      second: count(row['size2']),
      firstRoot: hex(row['root1']),
      secondRoot: hex(row['root2']),
      proof,
    }),
  'subtreeinclusion.json': (row, proof) =>
    verifySubtreeInclusion({
      index: count(row['leafIdx']),
      start: count(row['start']),
      end: count(row['end']),
      leafHash: hex(row['leafHash']),
      root: hex(row['root']),
      proof,
    }),
  'subtreeconsistency.json': (row, proof) =>
    verifySubtreeConsistency({
      start: count(row['start']),
      end: count(row['end']),
      size: count(row['size']),
      subtreeRoot: hex(row['root1']),
      root: hex(row['root2']),
      proof,
    }),
}

export const corpus = {
  name: 'merkle',
  /** `root` is the folder that holds the corpora. */
  run(root: string, report: (line: string) => void): Promise<MerkleReport> {
    let right = 0
    const wrong: { id: string; expected: string; got: string }[] = []
    for (const [file, verify] of Object.entries(verifiers)) {
      const rows = JSON.parse(readFileSync(join(root, 'merkle', file), 'utf8')) as Row[]
      for (const row of rows) {
        const expected = row.wantErr ? 'refused' : 'accepted'
        const got = verify(row, (row.proof ?? []).map(hex)) ? 'accepted' : 'refused'
        if (got === expected) right += 1
        else wrong.push({ id: `${file}:${row.id}`, expected, got })
      }
      report(`merkle ${file}: ${rows.length} proofs`)
    }
    return Promise.resolve({ right, wrong, notApplicable: 0 })
  },
}
