import { createHash } from 'node:crypto'

import { expect, test } from 'vitest'

import { unsealedSource } from '../../../../services/artifact/index.ts'
import { formatCheckpoint, leafHash } from '../../../../services/ledger/index.ts'
import type { Json } from '../../../../services/model/index.ts'
import {
  encodeDer,
  objectIdentifier,
  octetString,
  sequence,
  utf8String,
} from '../../../../services/seal/index.ts'
import { parsePublisherDocument } from '../../../../services/trust/index.ts'
import { AT_MS, openZip, publisher, readAll, reasonsOf, root } from '../../../support/pki.ts'
import {
  detached,
  IDENTITY,
  ISSUER,
  SIGNED_AT_MS,
  signWith,
  testLog,
  TestSigstore,
  type KeylessSpec,
} from '../../../support/sigstore.ts'
import { checkBody } from '../../../../services/trust/sigstore/log-body.ts'
import { authority } from '../../../support/timestamp-token.ts'
import { judgeZip, saying } from '../told.ts'

const zip = await openZip()
const bytes = readAll(unsealedSource(zip))
const sigstore = new TestSigstore()
const { rekor, ctLog } = sigstore
type Members = Record<string, Json>

function judged(bundle: Json, change: Members = {}, trustedRoot = sigstore.trustedRoot()) {
  const document = parsePublisherDocument({
    kind: 'oidc',
    trustedRoot,
    issuer: ISSUER,
    identity: { type: 'uri', value: IDENTITY },
    ...change,
  })
  const verdict = judgeZip(zip, [publisher(document)], { detached: [detached(bundle)] })
  return { kind: verdict.kind, reasons: reasonsOf(verdict), seal: verdict.seals[0], verdict }
}

/** A good bundle whose log entry was changed. */
function withEntry(change: (entry: Record<string, Json>) => void, spec: KeylessSpec = {}) {
  const { bundle, entry } = sigstore.sign(bytes, spec)
  change(entry)
  return bundle
}

/** The same as a bundle of v0.1, which knew entries without proofs and proofs without checkpoints. */
function asEarlier(bundle: Record<string, Json>): Json {
  const { certificate, ...material } = bundle['verificationMaterial'] as Record<string, Json>
  return {
    ...bundle,
    mediaType: 'application/vnd.dev.sigstore.bundle+json;version=0.1',
    verificationMaterial: {
      ...material,
      x509CertificateChain: { certificates: [certificate ?? null] },
    },
  }
}

/** The checkpoint of a log, as it signs it, over a tree of this size and root. */
function checkpointOf(size: number, hash: string): Json {
  const text = formatCheckpoint({ origin: `${rekor.name} - 7`, size, root: hash })
  const signed = Buffer.concat([rekor.id.subarray(0, 4), signWith(rekor, Buffer.from(text))])
  return { envelope: `${text}\n— ${rekor.name} ${signed.toString('base64')}\n` }
}

const proofOf = (entry: Record<string, Json>): Record<string, Json> =>
  entry['inclusionProof'] as Record<string, Json>

test('takes a promise without a proof, and a proof of a tree of one', () => {
  const promised = judged(asEarlier(withEntry((entry) => delete entry['inclusionProof'])))
  expect(promised.reasons).toEqual([])
  expect(promised.seal?.logs).toMatchObject([{ proof: 'promise' }])
  const single = judged(
    withEntry((entry) => {
      const body = Buffer.from(entry['canonicalizedBody'] as string, 'base64')
      const hash = leafHash(body)
      entry['inclusionProof'] = {
        logIndex: '0',
        treeSize: '1',
        rootHash: Buffer.from(hash, 'hex').toString('base64'),
        checkpoint: checkpointOf(1, hash),
      }
    }),
  )
  expect(single.reasons).toEqual([])
})

test('takes the word of a proof without a checkpoint for nothing', () => {
  const bare = (entry: Record<string, Json>): void => {
    delete proofOf(entry)['checkpoint']
  }
  expect(judged(asEarlier(withEntry(bare))).seal?.logs).toMatchObject([{ proof: 'promise' }])
  const neither = withEntry((entry) => {
    bare(entry)
    delete entry['integratedTime']
  })
  expect(judged(asEarlier(neither)).reasons).toContain('log-proof-missing')
})

test('takes no checkpoint of another size over the same root, and none that is no note', () => {
  const other = withEntry((entry) => {
    const proof = proofOf(entry)
    proof['checkpoint'] = checkpointOf(
      3,
      Buffer.from(proof['rootHash'] as string, 'base64').toString('hex'),
    )
  })
  const { reasons, verdict } = judged(other)
  expect(reasons).toContain('log-checkpoint')
  expect(verdict.findings.map(({ got }) => got).join()).toContain('one of size 3 with that root')
  const none = withEntry((entry) => (proofOf(entry)['checkpoint'] = { envelope: 'no note' }))
  expect(judged(none).reasons).toContain('log-checkpoint')
})

test('reads no number that is larger than there can be', () => {
  const large = withEntry((entry) => (entry['integratedTime'] = '9'.repeat(17)))
  expect(judged(large).reasons).toContain('evidence')
})

test('reads no entry that is larger than it may be', () => {
  const large = withEntry((entry) => {
    entry['canonicalizedBody'] = Buffer.alloc(300_000, 0x20).toString('base64')
    delete entry['inclusionProof']
  })
  expect(judged(large).kind).toBe('tampered')
})

test('says when the key of the log ended', () => {
  const ended = sigstore.trustedRoot((json) => {
    const [log] = json['tlogs'] as { publicKey: { validFor: Members } }[]
    if (log !== undefined) log.publicKey.validFor['end'] = '2026-02-01T00:00:00Z'
  })
  const { reasons, verdict } = judged(sigstore.sign(bytes).bundle, {}, ended)
  expect(reasons).toContain('log-window')
  expect(verdict.findings.map(({ expected }) => expected).join()).toContain('to 2026-02-01')
})

test('says when the authority was trusted, and until when', () => {
  const ended = sigstore.trustedRoot((json) => {
    const [fulcio] = json['certificateAuthorities'] as { validFor: Members }[]
    if (fulcio !== undefined) fulcio.validFor['end'] = '2026-02-01T00:00:00Z'
  })
  const { reasons, verdict } = judged(sigstore.sign(bytes).bundle, {}, ended)
  expect(reasons).toContain('authority-window')
  expect(verdict.findings.map(({ expected }) => expected).join()).toContain('to 2026-02-01')
})

test('takes a timestamp authority of the trusted root for as long as that says', () => {
  const tsa = authority()
  const withAuthority = sigstore.trustedRoot((json) => {
    const chain = [tsa.issuing, tsa.root].map(({ der }) => ({
      rawBytes: Buffer.from(der).toString('base64'),
    }))
    json['timestampAuthorities'] = [
      {
        certChain: { certificates: chain },
        validFor: { start: '2026-01-01T00:00:00Z', end: '2027-01-01T00:00:00Z' },
      },
    ]
  })
  expect(judged(sigstore.sign(bytes).bundle, {}, withAuthority).reasons).toEqual([])
})

test('tells of a certificate by an authority that the trusted root does not know', () => {
  const stranger = root({ subject: 'other fulcio' })
  const { reasons } = judged(sigstore.sign(bytes, { issuingCa: stranger, log: 'none' }).bundle)
  expect(reasons).toContain('unknown-issuer')
})

const vector = (content: Uint8Array): Buffer => {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(content.byteLength)
  return Buffer.concat([length, content])
}

function sct(
  change: {
    version?: number
    hash?: number
    algorithm?: number
    more?: Uint8Array
    cut?: number
  } = {},
): Buffer {
  const time = Buffer.alloc(8)
  time.writeBigUInt64BE(BigInt(SIGNED_AT_MS))
  const made = Buffer.concat([
    Buffer.of(change.version ?? 0),
    ctLog.id,
    time,
    Buffer.of(0, 0, change.hash ?? 4, change.algorithm ?? 3),
    vector(Buffer.from('signature')),
    change.more ?? Buffer.alloc(0),
  ])
  return made.subarray(0, made.length - (change.cut ?? 0))
}

test.each<[string, Buffer, string]>([
  ['in another hash', vector(vector(sct({ hash: 5 }))), 'sct-invalid'],
  ['in another algorithm', vector(vector(sct({ algorithm: 1 }))), 'sct-invalid'],
  ['of another version', vector(vector(sct({ version: 1 }))), 'sct'],
  ['that is cut short', vector(vector(sct({ cut: 3 }))), 'sct'],
  ['with something after it', vector(vector(sct({ more: Buffer.of(0) }))), 'sct'],
  [
    'beside sixteen others',
    vector(Buffer.concat(Array.from({ length: 17 }, () => vector(sct())))),
    'sct',
  ],
  [
    'in a list with something after it',
    Buffer.concat([vector(vector(sct())), Buffer.of(0)]),
    'sct',
  ],
  ['in an empty list', vector(Buffer.alloc(0)), 'sct-missing'],
])('takes no timestamp of a log %s', (_title, list, reason) => {
  const extension = { oid: '1.3.6.1.4.1.11129.2.4.2', value: octetString(list) }
  const { bundle } = sigstore.sign(bytes, { sct: 'none', extensions: [extension] })
  expect(judged(bundle).reasons).toContain(reason)
})

const FULCIO_USERNAME = objectIdentifier('1.3.6.1.4.1.57264.1.7')
const username = (...parts: Uint8Array[]) => ({ tag: 0xa0, value: Buffer.concat(parts) })

test.each<[string, KeylessSpec['identity'], boolean]>([
  ['a user name', username(FULCIO_USERNAME, encodeDer(0xa0, utf8String('ci!example.org'))), true],
  ['a user name without a value', username(FULCIO_USERNAME, encodeDer(0xa0)), false],
  [
    'a user name in another place',
    username(FULCIO_USERNAME, encodeDer(0xa1, utf8String('ci!example.org'))),
    false,
  ],
  [
    'a name of another type',
    username(objectIdentifier('1.2.3'), encodeDer(0xa0, utf8String('x'))),
    false,
  ],
])('reads %s as an identity, or as none', (_title, identity, good) => {
  const { bundle } = sigstore.sign(bytes, { identity: identity ?? null })
  const wanted = { identity: { type: 'username', value: 'ci!example.org' } }
  const { reasons } = judged(bundle, wanted)
  expect(reasons).toEqual(good ? [] : ['identity-missing'])
})

test('takes two names for no identity', () => {
  const names = sequence(
    encodeDer(0x86, Buffer.from(IDENTITY)),
    encodeDer(0x86, Buffer.from('https://else')),
  )
  const extensions = [{ oid: '2.5.29.17', critical: true, value: names }]
  const { bundle } = sigstore.sign(bytes, { identity: null, extensions })
  expect(judged(bundle).reasons).toContain('identity-missing')
})

test('passes over an entry of a log that the trusted root does not know', () => {
  const bundle = withEntry(
    (entry) => (entry['logId'] = { keyId: testLog('else').id.toString('base64') }),
  )
  expect(judged(bundle).seal?.unchecked.join()).toContain('of the unknown log')
})

test('says of a log and an authority without an end since when they count', () => {
  const early = judged(sigstore.sign(bytes, { integratedMs: Date.UTC(2025, 0, 1) }).bundle)
  expect(early.reasons).toContain('log-window')
  expect(early.verdict.findings.map(({ expected }) => expected).join()).not.toContain(' to ')
  const late = sigstore.trustedRoot((json) => {
    const [fulcio] = json['certificateAuthorities'] as { validFor: Members }[]
    if (fulcio !== undefined) fulcio.validFor['start'] = new Date(AT_MS).toISOString()
  })
  const before = judged(sigstore.sign(bytes).bundle, {}, late)
  expect(before.reasons).toContain('authority-window')
  expect(before.verdict.findings.map(({ expected }) => expected).join()).not.toContain(' to ')
})

test('holds an entry over another digest of a plain message to the message', () => {
  const { bundle, leaf, signature } = sigstore.sign(bytes, { form: 'message' })
  const body = (over: Uint8Array): Json => ({
    apiVersion: '0.0.1',
    kind: 'hashedrekord',
    spec: {
      data: {
        hash: { algorithm: 'sha512', value: createHash('sha512').update(over).digest('hex') },
      },
      signature: {
        content: signature.toString('base64'),
        publicKey: { content: Buffer.from(leaf.pem).toString('base64') },
      },
    },
  })
  const enter = (over: Uint8Array): Json => {
    const material = bundle['verificationMaterial'] as Record<string, Json>
    const tlogEntries = [sigstore.enter(body(over), SIGNED_AT_MS)]
    return { ...bundle, verificationMaterial: { ...material, tlogEntries } }
  }
  const forms = { forms: ['message'] }
  expect(judged(enter(bytes), forms).reasons).toEqual([])
  expect(judged(enter(Buffer.from('else')), forms).reasons).toContain('log-entry-mismatch')
})

test('reads no body of a log entry that is larger than it may be', () => {
  const body = Buffer.alloc(262_145, 0x20)
  const entry = {
    logId: '00', kind: 'dsse', version: '0.0.1', index: 0, integratedTime: undefined,
    body, promise: undefined, proof: undefined,
  } // prettier-ignore
  expect(saying(() => checkBody(entry, {} as never))).toThrow(
    expect.objectContaining({ detail: { rule: 'log-body' } }),
  )
})
