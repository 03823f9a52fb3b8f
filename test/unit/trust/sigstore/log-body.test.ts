import { createHash } from 'node:crypto'

import { expect, test } from 'vitest'

import { canonicalJson, sha256, type Json } from '../../../../services/model/index.ts'
import { checkBody, type Logged } from '../../../../services/trust/sigstore/log-body.ts'
import { parseFulcio } from '../../../../services/trust/sigstore/fulcio.ts'
import { encodeDer, objectIdentifier, TAG } from '../../../../services/seal/index.ts'
import { parseCertificate, VerificationCache } from '../../../../services/trust/index.ts'
import { keyPair, publicPem } from '../../../support/pki.ts'
import { TestSigstore } from '../../../support/sigstore.ts'
import { saying } from '../told.ts'

const pair = keyPair()
const der = pair.publicKey.export({ format: 'der', type: 'spki' })
const payload = Buffer.from('{"a":1}')
const signature = Buffer.from('a signature')
const logged: Logged = {
  signature,
  verifier: { label: 'PUBLIC KEY', der },
  digest: (hash) => createHash(hash).update('signed').digest('hex'),
  envelope: { payload, keyid: '' },
}
const sig = signature.toString('base64')
const pem = Buffer.from(publicPem(pair)).toString('base64')
const raw = { publicKey: { rawBytes: der.toString('base64') } }
const payloadDigest = createHash('sha256').update(payload).digest('base64')
const envelope = JSON.stringify({
  payloadType: 'application/vnd.in-toto+json',
  payload: payload.toString('base64'),
  signatures: [{ keyid: '', sig }],
})

function check(kind: string, version: string, spec: Json, change: Partial<Logged> = {}): void {
  const body = Buffer.from(canonicalJson({ kind, apiVersion: version, spec }))
  const entry = { kind, version, body, logId: '', index: 0, integratedTime: undefined }
  checkBody({ ...entry, promise: undefined, proof: undefined }, { ...logged, ...change })
}

const dsse2 = (digest: string, content: string) => ({
  dsseV002: {
    payloadHash: { algorithm: 'SHA2_256', digest },
    signatures: [{ content, verifier: raw }],
  },
})
const intoto1 = (value: string) => ({
  content: { hash: { algorithm: 'sha256', value } },
  publicKey: pem,
})
const hashed = (algorithm: string, value: string) => ({
  data: { hash: { algorithm, value } },
  signature: { content: sig, publicKey: { content: pem } },
})

test('takes the kinds of entries of both Rekors for keys', () => {
  check('dsse', '0.0.2', dsse2(payloadDigest, sig))
  check('intoto', '0.0.1', intoto1(sha256(envelope)))
  check('hashedrekord', '0.0.1', hashed('sha512', logged.digest('sha512')))
})

test.each<[string, string, string, Json, Partial<Logged>]>([
  ['dsse v2 with another payload', 'dsse', '0.0.2', dsse2('AAAA', sig), {}],
  ['dsse v2 with another signature', 'dsse', '0.0.2', dsse2(payloadDigest, 'AAAA'), {}],
  ['dsse v2 for a message', 'dsse', '0.0.2', dsse2(payloadDigest, sig), { envelope: undefined }],
  ['the digest of another envelope', 'intoto', '0.0.1', intoto1('a'.repeat(64)), {}],
  [
    'an envelope with another signature',
    'intoto',
    '0.0.1',
    intoto1(sha256(envelope)),
    { signature: Buffer.from('b') },
  ],
  [
    'an envelope for a message',
    'intoto',
    '0.0.1',
    intoto1(sha256(envelope)),
    { envelope: undefined },
  ],
  [
    'a weak digest',
    'hashedrekord',
    '0.0.1',
    hashed('sha1', createHash('sha1').update('signed').digest('hex')),
    {},
  ],
  [
    'a certificate where a key signed',
    'hashedrekord',
    '0.0.1',
    hashed('sha256', logged.digest('sha256')),
    { verifier: { label: 'CERTIFICATE', der } },
  ],
  ['a kind that is not read', 'rpm', '0.0.1', {}, {}],
  ['no signature', 'dsse', '0.0.1', { signatures: [] }, {}],
  [
    'two keys',
    'intoto',
    '0.0.1',
    {
      ...intoto1(sha256(envelope)),
      publicKey: Buffer.from(publicPem(pair).repeat(2)).toString('base64'),
    },
    {},
  ],
])('refuses an entry with %s', (...[, kind, version, spec, change]) => {
  expect(saying(() => check(kind, version, spec, change))).toThrow(
    expect.objectContaining({ code: 'INVALID_SEAL' }) as Error,
  )
})

const sigstore = new TestSigstore()
const utf8 = (text: string | Uint8Array) => encodeDer(TAG.utf8String, Buffer.from(text))
const read = (spec: Parameters<TestSigstore['certificate']>[0]) => {
  const cache = new VerificationCache()
  return parseFulcio(parseCertificate(sigstore.certificate(spec).der, cache), cache)
}
const username = (oid: string) =>
  Buffer.concat([objectIdentifier(oid), encodeDer(0xa0, utf8('ci!acme.test'))])

test("reads Fulcio's own user names, and no other name of that kind", () => {
  const own = { tag: 0xa0, value: username('1.3.6.1.4.1.57264.1.7') }

  expect(read({ identity: own }).identity).toEqual({ type: 'username', value: 'ci!acme.test' })
  expect(read({ identity: { tag: 0xa0, value: username('1.2.3') } }).identity).toBeUndefined()
})

test.each([
  ['of another type', encodeDer(TAG.ia5String, Buffer.from('x'))],
  ['that is not UTF-8', utf8(Uint8Array.of(0xff))],
  ['with a line feed', utf8('a\nb')],
])('refuses a Fulcio extension %s', (_title, value) => {
  const extensions = [{ oid: '1.3.6.1.4.1.57264.1.14', value }]

  expect(saying(() => read({ claims: {}, extensions }))).toThrow(
    expect.objectContaining({ code: 'INVALID_SEAL' }) as Error,
  )
})
