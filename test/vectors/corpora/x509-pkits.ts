import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { PURPOSES } from '../../../services/trust/index.ts'
import type { Corpus, WrongRow } from '../corpus.ts'
import { findPathOf } from './x509-path.ts'

interface PkitsRow {
  readonly id: string
  readonly name: string
  readonly cert: string
  readonly other_certs?: readonly string[]
  readonly crls?: readonly string[]
  readonly expect: 'valid' | 'invalid'
  readonly revocation?: boolean
  readonly params?: {
    readonly user_initial_policy_set?: readonly string[]
    readonly initial_explicit_policy?: boolean
    readonly initial_policy_mapping_inhibit?: boolean
    readonly initial_any_policy_inhibit?: boolean
  }
}

/** Sections 4.14 and 4.15: lists by others, for some reasons, or of changes alone are not claimed and cover nobody. */
const NOT_CLAIMED = /^41[45]/
/** DSA is not admitted. */
const STRICTER = /^(?:unknown-algorithm|weak-key|weak-algorithm)$/
const AT_MS = Date.UTC(2024, 0, 1)

export const corpus: Corpus = {
  name: 'x509-pkits',
  run: (root) => {
    const folder = join(root, 'x509-pkits')
    const rows = JSON.parse(readFileSync(join(folder, 'cases.json'), 'utf8')) as readonly PkitsRow[]
    const certificate = (name: string) => readFileSync(join(folder, 'certs', name))
    const list = (name: string) => readFileSync(join(folder, 'crls', name))
    const wrong: WrongRow[] = []
    let right = 0
    let notApplicable = 0
    for (const row of rows) {
      const { params = {} } = row
      const { outcome } = findPathOf({
        leaf: certificate(row.cert),
        intermediates: (row.other_certs ?? []).map(certificate),
        anchors: [certificate('TrustAnchorRootCertificate.crt')],
        atMs: AT_MS,
        lists:
          row.revocation === false ? [] : ['TrustAnchorRootCRL.crl', ...(row.crls ?? [])].map(list),
        rules: {
          purpose: PURPOSES.any,
          policies: {
            acceptable: params.user_initial_policy_set,
            requireExplicit: params.initial_explicit_policy ?? false,
            inhibitMapping: params.initial_policy_mapping_inhibit ?? false,
            inhibitAny: params.initial_any_policy_inhibit ?? false,
          },
        },
      })
      if (outcome.accepted === (row.expect === 'valid')) right += 1
      else if (
        row.expect === 'valid' &&
        (NOT_CLAIMED.test(row.id) || STRICTER.test(outcome.reason))
      )
        notApplicable += 1
      else
        wrong.push({
          id: `${row.id} ${row.name}`,
          expected: row.expect,
          got: `${outcome.reason}: ${outcome.got}`,
        })
    }
    return Promise.resolve({ right, wrong, notApplicable })
  },
}
