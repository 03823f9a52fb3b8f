import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import {
  bufferSource,
  PlatformError,
  sha256,
  type ArtifactIdentity,
  type SealInput,
  type TrustedPublisher,
  type Verdict,
} from '../../../services/model/index.ts'
import { decodeSeal, decodeTimestampResponse } from '../../../services/seal/index.ts'
import {
  judge,
  parseCertificate,
  parsePublisherDocument,
  VerificationCache,
} from '../../../services/trust/index.ts'
import { verifyTimestamp } from '../../../services/trust/timestamp.ts'
import type { Corpus, CorpusResult, WrongRow } from '../corpus.ts'

interface OwnRow {
  readonly id: string
  readonly expect: 'valid' | 'invalid' | 'policy'
  readonly payload_b64: string
  readonly cms_b64: string
  readonly trusted_pem: string | null
  readonly untrusted_pem: string | null
  readonly crl_pem: string | null
  readonly verification_time: string
}

/** A detached signature over some bytes by roots in PEM, judged as the service judges it. */
export function judgeCms(input: {
  readonly payload: Uint8Array
  readonly cms: Uint8Array
  readonly rootsPem: readonly string[]
  readonly intermediatesPem?: readonly string[]
  /** One of them must cover the signer, where there are any. */
  readonly listsPem?: readonly string[]
  readonly atMs: number
}): Verdict {
  const digest = sha256(input.payload)
  const artifact: ArtifactIdentity = {
    codeSha256: digest,
    sha256: digest,
    tree: digest,
    sizeBytes: input.payload.byteLength,
    unzippedBytes: 0,
    entryCount: 0,
  }
  return judge({
    artifact,
    unsealed: bufferSource(input.payload),
    kind: 'function',
    name: 'vector',
    account: '000000000000',
    seals: [{ format: 'cms', place: 'detached', bytes: input.cms }],
    publishers: publishersOf(input),
    revocations: [],
    atMs: input.atMs,
  })
}

function publishersOf({
  rootsPem,
  intermediatesPem = [],
  listsPem = [],
}: Pick<
  Parameters<typeof judgeCms>[0],
  'rootsPem' | 'intermediatesPem' | 'listsPem'
>): TrustedPublisher[] {
  const lists = listsPem.map((pem) => ({ pem }))
  if (rootsPem.length === 0) return []
  const publisher: TrustedPublisher = {
    id: 'pub-vector',
    name: 'vector',
    version: 'AAAAAAAAAA',
    arn: 'arn:aws:signer:us-east-1:000000000000:/signing-profiles/vector/AAAAAAAAAA',
    status: 'Active',
    createdAtMs: 0,
    document: parsePublisherDocument({
      kind: 'x509',
      rootsPem,
      intermediatesPem,
      ...(lists.length > 0 && { revocation: { lists } }),
    }),
    allowed: true,
  }
  return [publisher]
}

function certificatesOf(pem: string | null): string[] {
  return pem?.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
}

function listsOf(pem: string | null): string[] {
  return pem?.match(/-----BEGIN X509 CRL-----[^-]+-----END X509 CRL-----/g) ?? []
}

function runOwn(root: string): CorpusResult {
  const path = join(root, 'cms/own/cms_own.json')
  const rows = JSON.parse(readFileSync(path, 'utf8')) as readonly OwnRow[]
  const wrong: WrongRow[] = []
  let right = 0
  let notApplicable = 0
  for (const row of rows) {
    const verdict = judgeCms({
      payload: Buffer.from(row.payload_b64, 'base64'),
      cms: Buffer.from(row.cms_b64, 'base64'),
      rootsPem: certificatesOf(row.trusted_pem),
      intermediatesPem: certificatesOf(row.untrusted_pem),
      listsPem: listsOf(row.crl_pem),
      atMs: Date.parse(row.verification_time),
    })
    const expected = row.expect === 'policy' ? undefined : row.expect === 'valid'
    const got = verdict.kind === 'trusted'
    if (expected === undefined || expected === got) right += 1
    else wrong.push({ id: row.id, expected: row.expect, got: explain(verdict) })
  }
  return { right, wrong, notApplicable }
}

interface ApkRow {
  readonly id: string
  readonly expect_signature: 'valid' | 'invalid' | 'policy'
  readonly payload_b64: string
  readonly cms_b64: string
}

/** What is refused though the signature holds: SHA-1, SHA-224, DSA, a negative modulus (exceptions.md has the rows). */
const STRICTER: ReadonlySet<string> = new Set(['weak-algorithm', 'weak-key', 'unknown-algorithm'])

/**
 * Android's signatures, whose certificates signed themselves and lead nowhere: integrity alone is compared. A valid one
 * that is refused for being weak does not apply; an invalid one must not pass.
 */
function runApksig(root: string): CorpusResult {
  const lines = readFileSync(join(root, 'cms/fetched/apksig.jsonl'), 'utf8').split('\n')
  const wrong: WrongRow[] = []
  let right = 0
  let notApplicable = 0
  for (const line of lines.filter((text) => text !== '')) {
    const row = JSON.parse(line) as ApkRow
    const verdict = judgeCms({
      payload: Buffer.from(row.payload_b64, 'base64'),
      cms: Buffer.from(row.cms_b64, 'base64'),
      rootsPem: [],
      atMs: Date.UTC(2026, 5, 1),
    })
    const intact = verdict.kind !== 'tampered'
    const [finding] = verdict.findings
    if (row.expect_signature === 'policy' || intact === (row.expect_signature === 'valid'))
      right += 1
    else if (!intact && STRICTER.has(finding?.reason ?? '')) notApplicable += 1
    else wrong.push({ id: row.id, expected: row.expect_signature, got: explain(verdict) })
  }
  return { right, wrong, notApplicable }
}

/** Structures that must be refused or read, never crash and never take a second. */
function runMisc(root: string): CorpusResult {
  const wrong: WrongRow[] = []
  let right = 0
  for (const folder of ['cms/own/misc', 'cms/fetched/misc']) {
    if (!existsSync(join(root, folder))) continue
    for (const name of readdirSync(join(root, folder))) {
      const bytes = readFileSync(join(root, folder, name))
      const outcome = name.endsWith('.tsr')
        ? judgeTimestamp(bytes)
        : decodeQuietly({ format: 'cms', place: 'detached', bytes })
      if (outcome === undefined) right += 1
      else wrong.push({ id: name, expected: 'a typed answer within a second', got: outcome })
    }
  }
  return { right, wrong, notApplicable: 0 }
}

function decodeQuietly(seal: SealInput): string | undefined {
  const start = performance.now()
  try {
    decodeSeal(seal)
  } catch (error) {
    if (!(error instanceof PlatformError) || error.code !== 'INVALID_SEAL') return String(error)
  }
  return performance.now() - start > 1_000 ? 'too slow' : undefined
}

/**
 * sigstore's timestamp-authority: a true token with certificates put before the one that signed it (CVE-2026-39984). Its
 * own certificate gives the time, and each of the others is a stranger.
 */
function judgeTimestamp(bytes: Uint8Array): string | undefined {
  const response = decodeTimestampResponse(bytes)
  if (response.kind === 'refused') return response.reason
  const cache = new VerificationCache()
  const { token } = response
  const kinds = token.certificates.map((der) => {
    const authority = { anchors: [parseCertificate(der, cache)], intermediates: [] }
    const outcome = verifyTimestamp(token, Buffer.from('hello'), [authority], cache)
    return outcome.kind === 'time' ? new Date(outcome.atMs).toISOString() : outcome.kind
  })
  const expected = 'unknown,unknown,2024-10-08T15:40:32.000Z'
  return kinds.join() === expected ? undefined : kinds.join()
}

function explain(verdict: Verdict): string {
  const failed = verdict.findings.filter(({ status }) => status === 'failed')
  return `${verdict.kind}: ${failed.map(({ reason, got }) => `${reason ?? ''} (${got})`).join('; ')}`
}

export const corpus: Corpus = {
  name: 'cms',
  run: (root, report) => {
    const parts = [runOwn(root), runApksig(root), runMisc(root)]
    report(`cms: ${parts.length} parts`)
    return Promise.resolve({
      right: parts.reduce((sum, part) => sum + part.right, 0),
      wrong: parts.flatMap((part) => part.wrong),
      notApplicable: parts.reduce((sum, part) => sum + part.notApplicable, 0),
    })
  },
}
