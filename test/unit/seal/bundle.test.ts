import fc from 'fast-check'
import { expect, test } from 'vitest'

import { canonicalJson, PlatformError, type Json } from '../../../services/model/index.ts'
import { decodeBundle, encodeBundle, preAuthEncoding } from '../../../services/seal/index.ts'

const MEDIA_TYPE = 'application/vnd.dev.sigstore.bundle.v0.3+json'
type Members = Record<string, unknown>

const envelope = {
  payload: 'e30=',
  payloadType: 'application/vnd.in-toto+json',
  signatures: [{ sig: 'AAAA' }],
}
const message = { messageDigest: { algorithm: 'SHA2_256', digest: 'AAAA' }, signature: 'AAAA' }

function bundle(change: Members = {}): Members {
  return {
    mediaType: MEDIA_TYPE,
    verificationMaterial: { publicKey: { hint: 'h' } },
    dsseEnvelope: envelope,
    ...change,
  }
}

function decode(value: unknown, place: 'block' | 'detached' = 'block') {
  const text = typeof value === 'string' ? value : canonicalJson(value as Json)
  return decodeBundle(Buffer.from(text), place)
}

test.each<[string, Members]>([
  ['a key and a statement', bundle()],
  ['a key without a hint', bundle({ verificationMaterial: { publicKey: {} } })],
  ['a keyid', bundle({ dsseEnvelope: { ...envelope, signatures: [{ sig: 'AAAA', keyid: 'k' }] } })],
  ['a certificate', bundle({ verificationMaterial: { certificate: { rawBytes: 'MAA=' } } })],
  [
    'a chain',
    bundle({
      verificationMaterial: {
        x509CertificateChain: { certificates: [{ rawBytes: 'MAA=' }, { rawBytes: 'MAE=' }] },
      },
    }),
  ],
  ['a message', bundle({ dsseEnvelope: undefined, messageSignature: message })],
])('writes a bundle with %s back to the byte', (_title, value) => {
  const text = canonicalJson(value as Json)

  expect(Buffer.from(encodeBundle(decode(text))).toString('utf8')).toBe(text)
})

test.each<[string, unknown, string]>([
  ['not JSON', '{', 'json'],
  [
    'another media type',
    bundle({ mediaType: 'application/vnd.dev.sigstore.bundle+json;version=0.4' }),
    'media-type',
  ],
  ['an unknown member', bundle({ note: '' }), 'unknown-member'],
  ['no content', bundle({ dsseEnvelope: undefined }), 'json-shape'],
  ['two contents', bundle({ messageSignature: message }), 'json-shape'],
  [
    'two signers',
    bundle({ verificationMaterial: { publicKey: {}, certificate: { rawBytes: 'MAA=' } } }),
    'json-shape',
  ],
  ['no signer', bundle({ verificationMaterial: {} }), 'json-shape'],
  [
    'a chain of none',
    bundle({ verificationMaterial: { x509CertificateChain: { certificates: [] } } }),
    'certificate-chain',
  ],
  ['no signature', bundle({ dsseEnvelope: { ...envelope, signatures: [] } }), 'signature-count'],
  [
    'two signatures',
    bundle({ dsseEnvelope: { ...envelope, signatures: [{ sig: 'AAAA' }, { sig: 'AAAB' }] } }),
    'signature-count',
  ],
  [
    'another payload type',
    bundle({ dsseEnvelope: { ...envelope, payloadType: 'application/vnd.in-toto+json ' } }),
    'payload-type',
  ],
  ['base64 without padding', bundle({ dsseEnvelope: { ...envelope, payload: 'e30' } }), 'base64'],
  [
    'base64 for URLs',
    bundle({ dsseEnvelope: { ...envelope, signatures: [{ sig: '_-_-' }] } }),
    'base64',
  ],
  [
    'base64 with bits left over',
    bundle({ dsseEnvelope: { ...envelope, payload: 'e31=' } }),
    'base64',
  ],
  [
    'an empty signature',
    bundle({ dsseEnvelope: { ...envelope, signatures: [{ sig: '' }] } }),
    'base64',
  ],
  [
    'another digest algorithm',
    bundle({
      dsseEnvelope: undefined,
      messageSignature: { ...message, messageDigest: { algorithm: 'SHA2_224', digest: 'AAAA' } },
    }),
    'unknown-algorithm',
  ],
  [
    'a number for a decimal',
    bundle({
      verificationMaterial: {
        publicKey: {},
        tlogEntries: [
          { logIndex: 1, kindVersion: { kind: 'a', version: 'b' }, canonicalizedBody: 'AAAA' },
        ],
      },
    }),
    'evidence',
  ],
  ['a list for the bundle', [], 'json-shape'],
])('refuses %s', (_title, value, rule) => {
  for (const place of ['block', 'detached'] as const) {
    expect(() => decode(value, place)).toThrow(
      expect.objectContaining({ detail: expect.objectContaining({ rule }) as object }) as Error,
    )
  }
})

test('refuses a member named twice', () => {
  const text = canonicalJson(bundle() as Json).replace('"sig":"AAAA"', '"sig":"AAAB","sig":"AAAA"')

  expect(() => decode(text, 'detached')).toThrow('twice')
})

test('refuses a member that every object inherits', () => {
  expect(() => decode('{"__proto__":{},"mediaType":"x"}', 'detached')).toThrow('unknown member')
})

test.each([
  ['white space', (text: string) => ` ${text}\n`],
  [
    'members in another order',
    (text: string) =>
      JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(text) as object).toReversed())),
  ],
  ['escapes for plain characters', (text: string) => text.replace('"h"', String.raw`"\u0068"`)],
])('takes %s beside a zip and refuses it in a block', (_title, edit) => {
  const text = edit(canonicalJson(bundle() as Json))

  expect(decode(text, 'detached').format).toBe('bundle')
  expect(() => decode(text, 'block')).toThrow('canonical')
})

test('answers any JSON with a bundle or a typed refusal', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      expect(() => decode(text, 'detached')).toThrow(PlatformError)
    }),
  )
})

test('encodes what is signed as DSSE specifies', () => {
  const encoded = preAuthEncoding('http://example.com/HelloWorld', Buffer.from('hello world'))

  expect(Buffer.from(encoded).toString('utf8')).toBe(
    'DSSEv1 29 http://example.com/HelloWorld 11 hello world',
  )
})

const proof = {
  logIndex: '1',
  treeSize: '2',
  rootHash: 'AAAA',
  hashes: ['AAAA'],
  checkpoint: { envelope: 'x' },
}
const entry = {
  logIndex: '1',
  logId: { keyId: 'AAAA' },
  kindVersion: { kind: 'dsse', version: '0.0.1' },
  integratedTime: '1',
  canonicalizedBody: 'e30=',
}
const promise = { signedEntryTimestamp: 'AAAA' }

function versioned(version: string, entries: readonly unknown[], change: Members = {}): Members {
  return bundle({
    mediaType: `application/vnd.dev.sigstore.bundle+json;version=${version}`,
    verificationMaterial: {
      x509CertificateChain: { certificates: [{ rawBytes: 'MAA=' }] },
      tlogEntries: entries,
    },
    ...change,
  })
}

test.each<[string, Members]>([
  ['v0.1 with a promise alone', versioned('0.1', [{ ...entry, inclusionPromise: promise }])],
  [
    'v0.1 with a proof without checkpoint',
    versioned('0.1', [
      {
        ...entry,
        inclusionPromise: promise,
        inclusionProof: { ...proof, checkpoint: undefined },
      },
    ]),
  ],
  ['v0.2 with a proof', versioned('0.2', [{ ...entry, inclusionProof: proof }])],
  [
    'v0.3 with members that are null',
    versioned('0.3', [{ ...entry, inclusionPromise: null, inclusionProof: proof }]),
  ],
  [
    'a message digest of SHA-384',
    versioned('0.3', [], {
      dsseEnvelope: undefined,
      messageSignature: { ...message, messageDigest: { algorithm: 'SHA2_384', digest: 'AAAA' } },
    }),
  ],
])('reads %s beside a zip, and refuses it in a block', (_title, value) => {
  expect(decode(value, 'detached').format).toBe('bundle')
  expect(() => decode(value, 'block')).toThrow()
})

test.each<[string, Members]>([
  ['v0.1 without a promise', versioned('0.1', [{ ...entry, inclusionProof: proof }])],
  ['v0.2 without a proof', versioned('0.2', [{ ...entry, inclusionPromise: promise }])],
  ['v0.3 without a proof', versioned('0.3', [entry])],
  [
    'v0.2 with a proof without checkpoint',
    versioned('0.2', [{ ...entry, inclusionProof: { ...proof, checkpoint: undefined } }]),
  ],
])('refuses %s', (_title, value) => {
  expect(() => decode(value, 'detached')).toThrow()
})

test('writes a bundle of v0.1 back as v0.3', () => {
  const old = decode(
    versioned('0.1', [{ ...entry, inclusionPromise: promise, inclusionProof: proof }]),
    'detached',
  )

  expect(decodeBundle(encodeBundle(old), 'block')).toEqual(old)
})
