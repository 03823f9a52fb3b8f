import { sign } from 'node:crypto'

import { describe, expect, test } from 'vitest'

import { canonicalJson, type Json, type SealInput } from '../../../services/model/index.ts'
import { preAuthEncoding, STATEMENT_PAYLOAD_TYPE } from '../../../services/seal/index.ts'
import type { JudgeInput } from '../../../services/trust/index.ts'
import {
  AT_MS,
  identityOf,
  keyPair,
  openZip,
  publicPem,
  publisher,
  reasonsOf,
  sealOf,
} from '../../support/pki.ts'
import { judgeZip } from './told.ts'

const layer = await openZip()
const key = keyPair()
const document = {
  kind: 'key',
  forms: ['statement', 'message'],
  keys: [{ publicKeyPem: publicPem(key) }],
} as const
const voucher = publisher({ ...document, purposes: ['vouch'] })
const sealer = publisher({ ...document, purposes: ['seal'] })
const SCOPE = { names: ['check*'], notAfter: '2027-01-01T00:00:00Z' }

function bundle(content: Record<string, Json>): SealInput {
  const bytes = canonicalJson({
    mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
    verificationMaterial: { publicKey: {} },
    ...content,
  })
  return { format: 'bundle', place: 'detached', bytes: Buffer.from(bytes) }
}

function vouchOf(predicate: Json, change: Record<string, Json> = {}, signer = key): SealInput {
  const payload = Buffer.from(
    canonicalJson({
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ name: 'layer.zip', digest: { sha256: layer.sha256 } }],
      predicateType: 'urn:lacre:vouch:v1',
      predicate,
      ...change,
    }),
  )
  const signed = preAuthEncoding(STATEMENT_PAYLOAD_TYPE, payload)
  const sig = sign('sha256', signed, signer.privateKey).toString('base64')
  const type = STATEMENT_PAYLOAD_TYPE
  return bundle({
    dsseEnvelope: { payload: payload.toString('base64'), payloadType: type, signatures: [{ sig }] },
  })
}

const judged = (seal: SealInput, by = voucher, spec: Partial<JudgeInput> = {}) =>
  judgeZip(layer, [by], {
    kind: 'layer',
    name: 'shared',
    functionName: 'checkout',
    seals: [seal],
    ...spec,
  })

test("admits somebody else's layer by a vouch of an allowed publisher", () => {
  const verdict = judged(vouchOf(SCOPE))

  expect(verdict.kind).toBe('trusted')
  expect(verdict.seals[0]?.meaning).toBe('vouch')
  expect(verdict.validUntilMs).toBe(Date.UTC(2027, 0, 1))
})

test('admits a layer that a stranger sealed, and tells of both', async () => {
  const foreign = await sealOf(layer, identityOf(keyPair()), { place: 'detached' })

  const verdict = judged(vouchOf(SCOPE), voucher, { seals: [foreign, vouchOf(SCOPE)] })

  expect(verdict.kind).toBe('trusted')
  expect(verdict.seals.map(({ outcome }) => outcome)).toEqual(['untrusted', 'trusted'])
})

describe('counts for nothing, and says so', () => {
  test('a vouch by a bare signature', () => {
    const sig = sign('sha256', layer.source.read(0, layer.source.sizeBytes), key.privateKey)
    const digest = Buffer.from(layer.sha256, 'hex').toString('base64')
    const bare = bundle({
      messageSignature: {
        messageDigest: { algorithm: 'SHA2_256', digest },
        signature: sig.toString('base64'),
      },
    })

    expect(judged(bare).kind).toBe('untrusted')
    expect(reasonsOf(judged(bare))).toEqual(['purpose-not-listed'])
  })

  test('a seal used as a vouch', async () => {
    const seal = await sealOf(layer, identityOf(key), { place: 'detached' })

    expect(judged(seal).kind).toBe('untrusted')
    expect(reasonsOf(judged(seal))).toEqual(['purpose-not-listed'])
  })

  test('a vouch used as a seal', () => {
    const verdict = judged(vouchOf(SCOPE), sealer)

    expect(verdict.kind).toBe('untrusted')
    expect(reasonsOf(verdict)).toEqual(['purpose-not-listed'])
  })

  const expired = { ...SCOPE, notAfter: '2026-05-01T00:00:00Z' }
  test.each<[string, Json, Partial<JudgeInput>, string]>([
    ['a vouch that has expired', expired, {}, 'vouch-expired'],
    ['a vouch for another function', { ...SCOPE, names: ['orders'] }, {}, 'vouch-scope'],
    ['a vouch where no function is known', SCOPE, { functionName: undefined }, 'vouch-scope'],
    ['a vouch for another account', { ...SCOPE, account: '1'.repeat(12) }, {}, 'vouch-scope'],
    [
      'a vouch by a publisher that the config does not name',
      SCOPE,
      { publishers: [{ ...voucher, allowed: false }] },
      'publisher-not-allowed',
    ],
    ["a vouch for a function's own code", SCOPE, { kind: 'function' }, 'vouch-for-function'],
  ])('%s', (_title, predicate, spec, reason) => {
    const name = spec.kind === 'function' ? { name: 'checkout' } : {}
    const verdict = judged(vouchOf(predicate), voucher, { ...name, ...spec })

    expect(verdict.kind).toBe('untrusted')
    expect(reasonsOf(verdict)).toContain(reason)
  })

  test('an expired vouch also where its publisher has expiry logged', () => {
    const lax = {
      ...voucher,
      document: { ...voucher.document, checks: { expiry: 'log' } },
    } as const

    expect(reasonsOf(judged(vouchOf(expired), lax))).toEqual(['vouch-expired'])
  })

  test('a vouch inside the zip', () => {
    const verdict = judged({ ...vouchOf(SCOPE), place: 'block' })

    expect(reasonsOf(verdict)).toContain('vouch-not-detached')
  })

  test('a revoked vouch', () => {
    const vouch = vouchOf(SCOPE)
    const [report] = judged(vouch).seals
    const revocation = {
      targetKind: 'seal',
      target: report?.digest ?? '',
      effectiveAtMs: AT_MS - 1,
      recordedAtMs: AT_MS - 1,
      reason: 'withdrawn',
    } as const

    const verdict = judged(vouch, voucher, { revocations: [revocation] })

    expect(reasonsOf(verdict)).toEqual(['seal-revoked'])
  })
})

test.each<[string, Json, Record<string, Json>, string]>([
  ['no end', { names: ['a'] }, {}, 'predicate'],
  ['no scope', { notAfter: '2027-01-01T00:00:00Z' }, {}, 'predicate'],
  ['no predicate', null, { predicate: null }, 'json-shape'],
  ['an unknown member', { ...SCOPE, counter: '1' }, {}, 'unknown-member'],
  ['two subjects', SCOPE, { subject: [{}, {}] }, 'subject-count'],
  [
    'another digest',
    SCOPE,
    { subject: [{ name: 'x', digest: { sha256: 'ab'.repeat(32) } }] },
    'digest-mismatch',
  ],
])('calls a vouch with %s tampered', (_title, predicate, change, reason) => {
  const verdict = judged(vouchOf(predicate, change))

  expect(verdict.kind).toBe('tampered')
  expect(reasonsOf(verdict)[0]).toBe(reason)
})

test('admits a zip that AWS Signer signed by a vouch alone, and says what its own signature is', () => {
  const spec = { kind: 'function', name: 'checkout', awsSigned: true } as const

  expect(judged(vouchOf(SCOPE), voucher, spec).kind).toBe('trusted')
  const alone = judgeZip(layer, [voucher], { ...spec, seals: [] })
  expect(alone.kind).toBe('unsigned')
  expect(alone.findings.find(({ reason }) => reason === 'unsigned')?.got).toContain(
    'aws-signer: unframed',
  )
})
