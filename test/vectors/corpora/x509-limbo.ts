import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { PURPOSES, type Purpose } from '../../../services/trust/index.ts'
import type { Corpus, WrongRow } from '../corpus.ts'
import { findPathOf, toDer } from './x509-path.ts'

interface LimboCase {
  readonly id: string
  readonly expected_result: 'SUCCESS' | 'FAILURE'
  readonly features: readonly string[]
  readonly trusted_certs: readonly string[]
  readonly untrusted_intermediates: readonly string[]
  readonly peer_certificate: string
  readonly validation_time: string | null
  readonly max_chain_depth: number | null
  readonly extended_key_usage: readonly string[]
  readonly crls: readonly string[]
  readonly codesign: { readonly applies: boolean }
}

/** A case with the feature of denial of service must end in this time. */
const TIME_LIMIT_MS = 1_000

/** The usage that the case names, and any where it names none. */
function purposeOf({ extended_key_usage: usages }: LimboCase): Purpose {
  const { serverAuth, clientAuth, emailProtection, codeSigning, timeStamping, any } = PURPOSES
  const known: readonly Purpose[] = [
    serverAuth,
    clientAuth,
    emailProtection,
    codeSigning,
    timeStamping,
  ]
  return known.find(({ name }) => usages.includes(name)) ?? any
}

export function runCase(row: LimboCase) {
  const start = performance.now()
  const { outcome } = findPathOf({
    leaf: toDer(row.peer_certificate),
    intermediates: row.untrusted_intermediates.map(toDer),
    anchors: row.trusted_certs.map(toDer),
    atMs: row.validation_time === null ? Date.now() : Date.parse(row.validation_time),
    lists: row.crls.map(toDer),
    rules: {
      purpose: purposeOf(row),
      profile: 'rfc5280',
      ...(row.max_chain_depth !== null && { maxIntermediates: row.max_chain_depth }),
    },
  })
  return { outcome, tookMs: performance.now() - start }
}

export const corpus: Corpus = {
  name: 'x509-limbo',
  run: (root) => {
    const text = readFileSync(join(root, 'x509-limbo/limbo.json'), 'utf8')
    const { testcases } = JSON.parse(text) as { readonly testcases: readonly LimboCase[] }
    const wrong: WrongRow[] = []
    let right = 0
    let notApplicable = 0
    for (const row of testcases) {
      const { outcome, tookMs } = runCase(row)
      const applies =
        row.codesign.applies && !row.features.some((feature) => feature.startsWith('pedantic-'))
      const slow = tookMs > TIME_LIMIT_MS
      if (slow)
        wrong.push({ id: row.id, expected: 'within a second', got: `${Math.round(tookMs)} ms` })
      else if (!applies) notApplicable += 1
      else if (outcome.accepted === (row.expected_result === 'SUCCESS')) right += 1
      else
        wrong.push({
          id: row.id,
          expected: row.expected_result,
          got: `${outcome.reason}: ${outcome.got}`,
        })
    }
    return Promise.resolve({ right, wrong, notApplicable })
  },
}
