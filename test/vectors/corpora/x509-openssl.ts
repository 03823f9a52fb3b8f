import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import {
  parsePublisherDocument,
  PURPOSES,
  publisherFromPem,
  type Purpose,
} from '../../../services/trust/index.ts'
import { encodePem } from '../../../services/seal/index.ts'
import type { Corpus, CorpusResult, WrongRow } from '../corpus.ts'
import { findPathOf, refusalOf, toDer } from './x509-path.ts'

interface VerifyRow {
  readonly cert: string
  readonly purpose: string
  readonly trusted: readonly string[]
  readonly untrusted: readonly string[]
  readonly options: readonly string[]
  readonly expect: 'ok' | 'fail'
  readonly why: string
}

const BY_PURPOSE: Readonly<Record<string, Purpose>> = {
  '': PURPOSES.any,
  any: PURPOSES.any,
  codesign: PURPOSES.codeSigning,
  sslserver: PURPOSES.serverAuth,
  sslclient: PURPOSES.clientAuth,
  smimesign: PURPOSES.emailProtection,
  timestampsign: PURPOSES.timeStamping,
}
/** Refusals of RULES §3 and §4 that OpenSSL's default level does not share: of weak keys and digests, and of loose DER. */
const STRICTER = /^(?:weak-key|weak-algorithm|unknown-algorithm|extension-default|der-.*)$/
const TIME_LIMIT_MS = 1_000

function runVerify(root: string): CorpusResult {
  const folder = join(root, 'x509-openssl')
  const rows = JSON.parse(readFileSync(join(folder, 'verify.json'), 'utf8')) as readonly VerifyRow[]
  const read = (name: string): string => readFileSync(join(folder, `certs/${name}.pem`), 'latin1')
  const wrong: WrongRow[] = []
  let right = 0
  let notApplicable = 0
  for (const row of rows) {
    const purpose = BY_PURPOSE[row.purpose]
    const files = [row.cert, ...row.trusted, ...row.untrusted].map(read)
    // OpenSSL's own trust settings inside a certificate's file have no counterpart here
    const ownTrust = files.some((text) => text.includes('BEGIN TRUSTED CERTIFICATE'))
    if (row.options.length > 0 || purpose === undefined || ownTrust) {
      notApplicable += 1
      continue
    }
    const { outcome } = findPathOf({
      leaf: toDer(read(row.cert)),
      anchors: row.trusted.map((name) => toDer(read(name))),
      intermediates: row.untrusted.map((name) => toDer(read(name))),
      atMs: Date.now(),
      rules: { purpose },
    })
    const { accepted, reason, got } = outcome
    if (accepted === (row.expect === 'ok')) right += 1
    else if (row.expect === 'ok' && STRICTER.test(reason)) notApplicable += 1
    else {
      const id = `${row.cert} ${row.purpose} [${row.trusted.join(' ')}] (${row.why})`
      wrong.push({ id, expected: row.expect, got: `${reason}: ${got}` })
    }
  }
  return { right, wrong, notApplicable }
}

/** Odd certificates as a publisher's root or key: taken or refused with a type, within a second. */
function runOdd(root: string): CorpusResult {
  const folder = join(root, 'x509-openssl/odd')
  if (!existsSync(folder)) return { right: 0, wrong: [], notApplicable: 0 }
  const wrong: WrongRow[] = []
  let right = 0
  for (const name of readdirSync(folder).filter((one) => /\.(?:pem|der|crt)$/.test(one))) {
    const bytes = readFileSync(join(folder, name))
    const start = performance.now()
    const fault = tryAsPublisher(bytes)
    const tookMs = performance.now() - start
    if (fault !== undefined || tookMs > TIME_LIMIT_MS)
      wrong.push({
        id: name,
        expected: 'a typed answer within a second',
        got: fault ?? `${Math.round(tookMs)} ms`,
      })
    else right += 1
  }
  return { right, wrong, notApplicable: 0 }
}

function tryAsPublisher(bytes: Uint8Array): string | undefined {
  const text = Buffer.from(bytes).toString('latin1')
  const pem = text.includes('-----BEGIN') ? text : encodePem('CERTIFICATE', bytes)
  for (const attempt of [
    () => publisherFromPem(pem),
    () => parsePublisherDocument({ kind: 'x509', rootsPem: [pem] }),
    () => parsePublisherDocument({ kind: 'key', keys: [{ publicKeyPem: pem }] }),
  ]) {
    try {
      attempt()
    } catch (error) {
      try {
        if (refusalOf(error).reason === 'INTERNAL') return 'an internal error'
      } catch {
        return String(error)
      }
    }
  }
  return undefined
}

export const corpus: Corpus = {
  name: 'x509-openssl',
  run: (root) => {
    const parts = [runVerify(root), runOdd(root)]
    return Promise.resolve({
      right: parts.reduce((sum, part) => sum + part.right, 0),
      wrong: parts.flatMap((part) => part.wrong),
      notApplicable: parts.reduce((sum, part) => sum + part.notApplicable, 0),
    })
  },
}
