import { createHash, sign } from 'node:crypto'

import { test } from 'vitest'

import { sha256, type Json, type Sha256 } from '../../../services/model/index.ts'
import {
  parseManagedSettings,
  parsePublicKey,
  parsePublisherDocument,
  successionBytes,
  VerificationCache,
} from '../../../services/trust/index.ts'
import { checkBody, type Logged } from '../../../services/trust/sigstore/log-body.ts'
import { parseLogEntry } from '../../../services/trust/sigstore/log-entry.ts'
import { parseTrustedRoot } from '../../../services/trust/sigstore/trusted-root.ts'
import { damagedJson } from '../../support/damage.ts'
import { intermediate, keyPair, publicPem, root, type KeyPair } from '../../support/pki.ts'
import { listPem, revocationList } from '../../support/revocation-data.ts'
import { TestSigstore } from '../../support/sigstore.ts'
import { assertWrittenDown } from '../../support/words.ts'
import { outcomeOf } from './outcomes.ts'

const ca = root()
const issuing = intermediate(ca)
const tsa = root({ subject: 'tsa' })
const [old, next, rsa] = [keyPair(), keyPair(), keyPair('rsa2048')]
const sigstore = new TestSigstore()

function spkiSha256(key: KeyPair): Sha256 {
  const der = key.publicKey.export({ format: 'der', type: 'spki' })
  return parsePublicKey(der, new VerificationCache()).spkiSha256
}

const succession = sign(
  'sha256',
  successionBytes({ predecessor: spkiSha256(old), successor: spkiSha256(next) }),
  old.privateKey,
).toString('base64')
const keyDocument: Json = {
  kind: 'key',
  forms: ['statement', 'message'],
  purposes: ['seal', 'vouch', 'attest:https://slsa.dev/provenance/v1'],
  builders: ['https://builder'],
  signatureValidityMs: 1_000,
  checks: { expiry: 'log', timestamp: 'enforce' },
  timestampAuthorities: [{ rootsPem: [tsa.pem], intermediatesPem: [] }],
  thresholds: { logs: 0, timestamps: 1 },
  keys: [
    { publicKeyPem: publicPem(next), notBeforeMs: 1, notAfterMs: 2 },
    { publicKeyPem: publicPem(rsa) },
  ],
  lineage: [
    { predecessorPem: publicPem(old), successorPem: publicPem(next), signature: succession },
  ],
}
const x509Document: Json = {
  kind: 'x509',
  rootsPem: [ca.pem],
  intermediatesPem: [issuing.pem],
  subjects: ['CN=signer'],
  subjectAltNames: [{ type: 'dns', value: 'example.org' }],
  policies: ['1.2.3', '2.16.840.1.101'],
  profile: 'rfc5280',
  revocation: {
    lists: [{ url: 'http://lists/a.crl' }, { pem: listPem(revocationList(ca)) }],
    maxAgeMs: 1_000,
    onFailure: 'open',
  },
}
const oidcDocument: Json = {
  kind: 'oidc',
  trustedRoot: sigstore.trustedRoot(),
  issuer: 'https://issuer.example/path',
  identity: { type: 'uri', value: 'https://github.com/acme/app/*' },
  claims: {
    repository: 'acme/app',
    repositoryId: '12',
    owner: ['acme'],
    ownerId: '34',
    ref: 'refs/heads/*',
  },
}
const managedSettings: Json = {
  kind: 'managed',
  purposes: ['seal'],
  validityPeriod: { value: 11, type: 'YEARS' },
  checks: { revocation: 'log' },
}
const rootDocument = JSON.parse(
  sigstore.trustedRoot((json) => {
    const certificates = [issuing, ca].map(({ der }) => ({
      rawBytes: Buffer.from(der).toString('base64'),
    }))
    json['timestampAuthorities'] = [
      {
        subject: { organization: 'test', commonName: 'tsa' },
        certChain: { certificates },
        validFor: { start: '2026-01-01T00:00:00Z', end: '2027-01-01T00:00:00Z' },
      },
    ]
  }),
) as Json

test.each<[string, Json, (value: Json, cache: VerificationCache) => unknown]>([
  ['a key publisher', keyDocument, parsePublisherDocument],
  ['an x509 publisher', x509Document, parsePublisherDocument],
  ['an oidc publisher', oidcDocument, parsePublisherDocument],
  [
    'settings of a managed publisher',
    managedSettings,
    (value) => parseManagedSettings(Object(value) as Readonly<Record<string, unknown>>),
  ],
  [
    'a trusted root',
    rootDocument,
    (value, cache) => parseTrustedRoot(JSON.stringify(value), cache),
  ],
  ['a log entry', sigstore.sign(Buffer.from('artifact')).entry, parseLogEntry],
])('reads %s, and says of each damage to it what is wrong', (title, value, parse) => {
  const cache = new VerificationCache()
  const whole = parse(value, cache)

  assertWrittenDown(
    fileOf(title),
    toldOf(value, (bad) => parse(bad, cache), whole),
  )
})

const payload = Buffer.from('{"a":1}')
const signature = Buffer.from('a signature')
const key = keyPair().publicKey
const der = key.export({ format: 'der', type: 'spki' })
const logged: Logged = {
  signature,
  verifier: { label: 'PUBLIC KEY', der },
  digest: (hash) => createHash(hash).update('signed').digest('hex'),
  envelope: { payload, keyid: 'a' },
}
const sig = signature.toString('base64')
const pem = Buffer.from(key.export({ format: 'pem', type: 'spki' })).toString('base64')
const raw = { publicKey: { rawBytes: der.toString('base64') } }
const payloadHash = { algorithm: 'sha256', value: sha256(payload) }
const signatures = [{ sig, keyid: 'a' }]
const envelope = JSON.stringify({
  payload: payload.toString('base64'),
  payloadType: 'application/vnd.in-toto+json',
  signatures,
})

test.each<[string, string, Json]>([
  [
    'hashedrekord',
    '0.0.1',
    {
      data: { hash: { algorithm: 'sha384', value: logged.digest('sha384') } },
      signature: { content: sig, publicKey: { content: pem } },
    },
  ],
  [
    'hashedrekord',
    '0.0.2',
    {
      hashedRekordV002: {
        data: {
          algorithm: 'SHA2_512',
          digest: Buffer.from(logged.digest('sha512'), 'hex').toString('base64'),
        },
        signature: { content: sig, verifier: raw },
      },
    },
  ],
  ['dsse', '0.0.1', { payloadHash, signatures: [{ signature: sig, verifier: pem }] }],
  [
    'dsse',
    '0.0.2',
    {
      dsseV002: {
        payloadHash: {
          algorithm: 'SHA2_256',
          digest: Buffer.from(sha256(payload), 'hex').toString('base64'),
        },
        signatures: [{ content: sig, verifier: raw }],
      },
    },
  ],
  [
    'intoto',
    '0.0.1',
    { content: { hash: { algorithm: 'sha256', value: sha256(envelope) } }, publicKey: pem },
  ],
  [
    'intoto',
    '0.0.2',
    {
      content: {
        envelope: {
          signatures: [{ sig: Buffer.from(sig).toString('base64'), publicKey: pem }],
        },
        payloadHash,
      },
    },
  ],
])('reads a log entry of the kind %s %s, and tells each damage to it', (kind, version, spec) => {
  const check = (value: Json): void => {
    const place = { logId: '', index: 0, integratedTime: undefined }
    const without = { promise: undefined, proof: undefined }
    const body = Buffer.from(JSON.stringify(value))
    checkBody({ kind, version, body, ...place, ...without }, logged)
  }
  const body = { kind, apiVersion: version, spec }
  check(body)

  assertWrittenDown(fileOf(`a log entry ${kind} ${version}`), toldOf(body, check, undefined))
})

const fileOf = (title: string): URL =>
  new URL(`damaged/${title.replaceAll(' ', '-')}.json`, import.meta.url)

function toldOf(value: Json, parse: (value: Json) => unknown, whole: unknown) {
  const told: Record<string, string> = {}
  for (const { where, value: bad } of damagedJson(value))
    told[where] = outcomeOf(() => parse(bad), whole)
  return told
}
