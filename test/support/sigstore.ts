import { createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'

import { formatCheckpoint, leafHash, nodeHash } from '../../services/ledger/index.ts'
import { canonicalJson, type Json, type SealInput } from '../../services/model/index.ts'
import {
  encodeDer,
  encodeSealStatement,
  octetString,
  preAuthEncoding,
  STATEMENT_PAYLOAD_TYPE,
  TAG,
} from '../../services/seal/index.ts'
import { parseCertificate, VerificationCache } from '../../services/trust/index.ts'
import { AT_MS, issue, keyPair, root, type Extension, type TestCertificate } from './pki.ts'

/**
 * A Fulcio, a certificate-transparency log and two Rekors in memory, as far as verification sees them, which can be wrong
 * in one thing at a time.
 */

export const ISSUER = 'https://token.actions.githubusercontent.com'
export const IDENTITY =
  'https://github.com/acme/checkout/.github/workflows/release.yml@refs/heads/main'
/** When everything is signed unless said otherwise: a day before tests judge. */
export const SIGNED_AT_MS = AT_MS - 86_400_000
const FULCIO = '1.3.6.1.4.1.57264.1.'
const START = '2026-01-01T00:00:00Z'

export interface TestLog {
  readonly baseUrl: string
  readonly name: string
  readonly key: { readonly publicKey: KeyObject; readonly privateKey: KeyObject }
  readonly id: Buffer
  readonly details: 'PKIX_ECDSA_P256_SHA_256' | 'PKIX_ED25519'
}

export function testLog(name: string, kind: 'p256' | 'ed25519' = 'p256'): TestLog {
  const key = kind === 'p256' ? keyPair('p256') : generateKeyPairSync('ed25519')
  const spki = key.publicKey.export({ format: 'der', type: 'spki' })
  // C2SP for Rekor v2, the digest of the key for v1 and for certificate transparency
  const named = Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(1), spki.subarray(-32)])
  const id = createHash('sha256')
    .update(kind === 'p256' ? spki : named)
    .digest()
  const details = kind === 'p256' ? 'PKIX_ECDSA_P256_SHA_256' : 'PKIX_ED25519'
  return { baseUrl: `https://${name}`, name, key, id, details }
}

export function signWith(log: TestLog, bytes: Uint8Array): Buffer {
  return sign(log.details === 'PKIX_ED25519' ? null : 'sha256', bytes, log.key.privateKey)
}

function logJson(log: TestLog): Record<string, Json> {
  const rawBytes = log.key.publicKey.export({ format: 'der', type: 'spki' }).toString('base64')
  return {
    baseUrl: log.baseUrl,
    hashAlgorithm: 'SHA2_256',
    publicKey: { rawBytes, keyDetails: log.details, validFor: { start: START } },
    logId: { keyId: log.id.toString('base64') },
  }
}

export interface KeylessSpec {
  readonly form?: 'statement' | 'message'
  readonly identity?: { readonly tag: number; readonly value: string | Uint8Array } | null
  readonly identityCritical?: boolean
  readonly subject?: string
  /** `null`: no issuer extension. */
  readonly issuer?: string | null
  /** By Fulcio's number of the extension. */
  readonly claims?: Readonly<Record<string, string>>
  readonly extensions?: readonly Extension[]
  readonly sct?: 'good' | 'none' | 'unknown' | 'invalid' | 'late'
  readonly log?: 'v1' | 'v2' | 'none'
  readonly kind?: 'hashedrekord' | 'dsse' | 'intoto'
  readonly integratedMs?: number
  readonly payload?: Uint8Array
  readonly issuingCa?: TestCertificate
}

export interface Keyless {
  readonly bundle: { [name: string]: Json }
  readonly entry: { [name: string]: Json }
  readonly leaf: TestCertificate
  readonly signature: Buffer
}

export class TestSigstore {
  readonly ca = root({ subject: 'fulcio', fromMs: Date.UTC(2026, 0, 1) })
  readonly ctLog = testLog('ct.test')
  readonly rekor = testLog('rekor.test')
  readonly rekor2 = testLog('log2026.rekor.test', 'ed25519')

  /** A trusted root; `change` may spoil it before it is written. */
  trustedRoot(change: (json: Record<string, Json>) => void = () => {}): string {
    const json: Record<string, Json> = {
      mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
      tlogs: [logJson(this.rekor), logJson(this.rekor2)],
      ctlogs: [logJson(this.ctLog)],
      certificateAuthorities: [
        {
          subject: { organization: 'test', commonName: 'fulcio' },
          uri: 'https://fulcio.test',
          certChain: {
            certificates: [{ rawBytes: Buffer.from(this.ca.der).toString('base64') }],
          },
          validFor: { start: START },
        },
      ],
      timestampAuthorities: [],
    }
    change(json)
    return JSON.stringify(json)
  }

  certificate(spec: KeylessSpec = {}): TestCertificate {
    const key = keyPair('p256')
    const make = (extra: readonly Extension[]): TestCertificate =>
      issue({
        subject: spec.subject ?? '',
        issuer: spec.issuingCa ?? this.ca,
        key,
        fromMs: SIGNED_AT_MS - 1_000,
        untilMs: SIGNED_AT_MS + 600_000,
        extensions: [...fulcioExtensions(spec), ...(spec.extensions ?? []), ...extra],
      })
    if (spec.sct === 'none') return make([])
    const precert = parseCertificate(make([]).der, new VerificationCache())
    return make([this.#scts(precert.tbs, spec)])
  }

  #scts(tbs: Uint8Array, { sct = 'good', issuingCa = this.ca }: KeylessSpec): Extension {
    const log = sct === 'unknown' ? testLog('other.test') : this.ctLog
    const spki = issuingCa.key.publicKey.export({ format: 'der', type: 'spki' })
    const head = Buffer.alloc(12)
    const timestamp = BigInt(sct === 'late' ? Date.UTC(2020, 0, 1) : SIGNED_AT_MS)
    head.writeBigUInt64BE(timestamp, 2)
    head.writeUInt16BE(1, 10)
    const length = Buffer.alloc(3)
    length.writeUIntBE(tbs.byteLength, 0, 3)
    const issuer = createHash('sha256').update(spki).digest()
    const signed = Buffer.concat([head, issuer, length, tbs, Buffer.alloc(2)])
    if (sct === 'invalid') signed[signed.length - 3] = 0xff
    const time = Buffer.alloc(8)
    time.writeBigUInt64BE(timestamp)
    const body = Buffer.concat([
      Buffer.of(0),
      log.id,
      time,
      Buffer.of(0, 0, 4, 3),
      vector(signWith(log, signed)),
    ])
    return {
      oid: '1.3.6.1.4.1.11129.2.4.2',
      value: octetString(vector(vector(body))),
    }
  }

  /** A signature over these bytes, with everything that a keyless bundle holds. */
  sign(subject: Uint8Array, spec: KeylessSpec = {}): Keyless {
    const leaf = this.certificate(spec)
    const digest = createHash('sha256').update(subject).digest()
    const payload =
      spec.payload ?? encodeSealStatement({ name: 'f.zip', sha256: digest.toString('hex') }, {})
    const message = spec.form === 'message'
    const signed = message ? subject : preAuthEncoding(STATEMENT_PAYLOAD_TYPE, payload)
    const signature = sign('sha256', signed, leaf.key.privateKey)
    const entry =
      spec.log === 'v2'
        ? this.enter2(bodyV2(leaf, signature, signed))
        : this.enter(
            bodyV1(spec.kind ?? (message ? 'hashedrekord' : 'dsse'), {
              leaf,
              signature,
              signed,
              payload,
            }),
            spec.integratedMs ?? SIGNED_AT_MS,
          )
    const sig = signature.toString('base64')
    const bundle = {
      mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
      verificationMaterial: {
        certificate: { rawBytes: Buffer.from(leaf.der).toString('base64') },
        ...(spec.log !== 'none' && { tlogEntries: [entry] }),
      },
      ...(message
        ? {
            messageSignature: {
              messageDigest: { algorithm: 'SHA2_256', digest: digest.toString('base64') },
              signature: sig,
            },
          }
        : {
            dsseEnvelope: {
              payload: Buffer.from(payload).toString('base64'),
              payloadType: STATEMENT_PAYLOAD_TYPE,
              signatures: [{ sig }],
            },
          }),
    }
    return { bundle, entry, leaf, signature }
  }

  /** An entry of Rekor v1: promise, and proof in a tree of two. */
  enter(body: Json, integratedMs: number): { [name: string]: Json } {
    const bytes = Buffer.from(canonicalJson(body))
    const integratedTime = Math.floor(integratedMs / 1_000)
    const { kind, apiVersion } = body as { kind: string; apiVersion: string }
    const promise = canonicalJson({
      body: bytes.toString('base64'),
      integratedTime,
      logID: this.rekor.id.toString('hex'),
      logIndex: 41,
    })
    const promised = signWith(this.rekor, Buffer.from(promise)).toString('base64')
    return {
      logIndex: '41',
      logId: { keyId: this.rekor.id.toString('base64') },
      kindVersion: { kind, version: apiVersion },
      integratedTime: String(integratedTime),
      inclusionPromise: { signedEntryTimestamp: promised },
      inclusionProof: proofIn(this.rekor, bytes, `${this.rekor.name} - 7`),
      canonicalizedBody: bytes.toString('base64'),
    }
  }

  /** An entry of Rekor v2: a proof alone. */
  enter2(body: Json): { [name: string]: Json } {
    const bytes = Buffer.from(canonicalJson(body))
    const { kind, apiVersion } = body as { kind: string; apiVersion: string }
    return {
      logIndex: '1',
      logId: { keyId: this.rekor2.id.toString('base64') },
      kindVersion: { kind, version: apiVersion },
      inclusionProof: proofIn(this.rekor2, bytes, this.rekor2.name),
      canonicalizedBody: bytes.toString('base64'),
    }
  }
}

/** Inclusion at index 1 of 2, under a checkpoint that this log signs. */
export function proofIn(log: TestLog, body: Uint8Array, origin: string): { [name: string]: Json } {
  const first = leafHash('first')
  const hash = nodeHash(first, leafHash(body))
  const text = formatCheckpoint({ origin, size: 2, root: hash })
  const signed = Buffer.concat([log.id.subarray(0, 4), signWith(log, Buffer.from(text))])
  return {
    logIndex: '1',
    treeSize: '2',
    rootHash: Buffer.from(hash, 'hex').toString('base64'),
    hashes: [Buffer.from(first, 'hex').toString('base64')],
    checkpoint: { envelope: `${text}\n— ${log.name} ${signed.toString('base64')}\n` },
  }
}

export interface Made {
  readonly leaf: TestCertificate
  readonly signature: Uint8Array
  readonly signed: Uint8Array
  readonly payload: Uint8Array
}

export function bodyV1(kind: 'hashedrekord' | 'dsse' | 'intoto', made: Made): Json {
  const sig = Buffer.from(made.signature).toString('base64')
  const pem = Buffer.from(made.leaf.pem).toString('base64')
  const hashOf = (bytes: Uint8Array): Json => ({
    algorithm: 'sha256',
    value: createHash('sha256').update(bytes).digest('hex'),
  })
  if (kind === 'hashedrekord')
    return {
      apiVersion: '0.0.1',
      kind,
      spec: {
        data: { hash: hashOf(made.signed) },
        signature: { content: sig, publicKey: { content: pem } },
      },
    }
  const payloadHash = hashOf(made.payload)
  if (kind === 'dsse')
    return {
      apiVersion: '0.0.1',
      kind,
      spec: { payloadHash, signatures: [{ signature: sig, verifier: pem }] },
    }
  const twice = Buffer.from(sig).toString('base64')
  return {
    apiVersion: '0.0.2',
    kind,
    spec: { content: { envelope: { signatures: [{ sig: twice, publicKey: pem }] }, payloadHash } },
  }
}

export function bodyV2(leaf: TestCertificate, signature: Uint8Array, signed: Uint8Array): Json {
  return {
    apiVersion: '0.0.2',
    kind: 'hashedrekord',
    spec: {
      hashedRekordV002: {
        data: {
          algorithm: 'SHA2_256',
          digest: createHash('sha256').update(signed).digest('base64'),
        },
        signature: {
          content: Buffer.from(signature).toString('base64'),
          verifier: {
            keyDetails: 'PKIX_ECDSA_P256_SHA_256',
            x509Certificate: { rawBytes: Buffer.from(leaf.der).toString('base64') },
          },
        },
      },
    },
  }
}

export function detached(bundle: Json): SealInput {
  return { format: 'bundle', place: 'detached', bytes: Buffer.from(JSON.stringify(bundle)) }
}

function vector(bytes: Uint8Array): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(bytes.byteLength)
  return Buffer.concat([length, bytes])
}

function utf8(text: string): Uint8Array {
  return encodeDer(TAG.utf8String, Buffer.from(text))
}

function fulcioExtensions(spec: KeylessSpec): Extension[] {
  const { issuer = ISSUER, claims = { 20: 'push' } } = spec
  const identity = spec.identity === undefined ? { tag: 0x86, value: IDENTITY } : spec.identity
  const list: Extension[] = []
  if (identity !== null)
    list.push({
      oid: '2.5.29.17',
      critical: spec.identityCritical ?? true,
      value: encodeDer(TAG.sequence, encodeDer(identity.tag, Buffer.from(identity.value))),
    })
  if (issuer !== null) list.push({ oid: `${FULCIO}8`, value: utf8(issuer) })
  for (const [arc, text] of Object.entries(claims))
    list.push({ oid: FULCIO + arc, value: utf8(text) })
  return list
}
