import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import {
  parsePublicKey,
  parsePublisherDocument,
  VerificationCache,
  verifySignature,
} from '../../../services/trust/index.ts'
import {
  derNull,
  encodeDer,
  encodePem,
  objectIdentifier,
  parsePem,
  parseSignatureAlgorithm,
  readDer,
  sequence,
  smallInteger,
} from '../../../services/seal/index.ts'
import type { Corpus, CorpusResult, WrongRow } from '../corpus.ts'
import { refusalOf } from './x509-path.ts'

interface Test {
  readonly tcId: number
  readonly msg: string
  readonly sig: string
  readonly result: 'valid' | 'invalid' | 'acceptable'
}
interface Group {
  readonly type: string
  readonly publicKeyPem?: string
  readonly publicKeyDer?: string
  readonly sha?: string
  readonly mgf?: string
  readonly mgfSha?: string
  readonly sLen?: number
  readonly tests: readonly Test[]
}
interface File {
  readonly testGroups: readonly Group[]
}

const HASHES: Readonly<Record<string, { oid: string; rsa: string; ecdsa: string }>> = {
  'SHA-1': { oid: '1.3.14.3.2.26', rsa: '1.2.840.113549.1.1.5', ecdsa: '1.2.840.10045.4.1' },
  'SHA-224': {
    oid: '2.16.840.1.101.3.4.2.4',
    rsa: '1.2.840.113549.1.1.14',
    ecdsa: '1.2.840.10045.4.3.1',
  },
  'SHA-256': {
    oid: '2.16.840.1.101.3.4.2.1',
    rsa: '1.2.840.113549.1.1.11',
    ecdsa: '1.2.840.10045.4.3.2',
  },
  'SHA-384': {
    oid: '2.16.840.1.101.3.4.2.2',
    rsa: '1.2.840.113549.1.1.12',
    ecdsa: '1.2.840.10045.4.3.3',
  },
  'SHA-512': {
    oid: '2.16.840.1.101.3.4.2.3',
    rsa: '1.2.840.113549.1.1.13',
    ecdsa: '1.2.840.10045.4.3.4',
  },
  'SHA-512/224': {
    oid: '2.16.840.1.101.3.4.2.5',
    rsa: '1.2.840.113549.1.1.15',
    ecdsa: '1.2.840.10045.4.3.9',
  },
  'SHA-512/256': {
    oid: '2.16.840.1.101.3.4.2.6',
    rsa: '1.2.840.113549.1.1.16',
    ecdsa: '1.2.840.10045.4.3.9',
  },
}
const UNKNOWN = { oid: '1.2.3.4', rsa: '1.2.3.4', ecdsa: '1.2.3.4' }
const hashOf = (name: string | undefined) => HASHES[name ?? ''] ?? UNKNOWN

/** The algorithm as a CMS or certificate would name it: what is not admitted is refused by its name. */
function algorithmOf({ type, sha, mgfSha, sLen = 0 }: Group): Uint8Array {
  if (type.startsWith('Eddsa')) return sequence(objectIdentifier('1.3.101.112'))
  if (type.startsWith('Ecdsa')) return sequence(objectIdentifier(hashOf(sha).ecdsa))
  if (type === 'RsassaPkcs1Verify') return sequence(objectIdentifier(hashOf(sha).rsa), derNull())
  const hash = (name: string | undefined) => sequence(objectIdentifier(hashOf(name).oid), derNull())
  return sequence(
    objectIdentifier('1.2.840.113549.1.1.10'),
    sequence(
      encodeDer(0xa0, hash(sha)),
      encodeDer(0xa1, sequence(objectIdentifier('1.2.840.113549.1.1.8'), hash(mgfSha))),
      ...(sLen === 20 ? [] : [encodeDer(0xa2, smallInteger(sLen))]),
    ),
  )
}

function pemOf({ publicKeyPem, publicKeyDer }: Group): string {
  if (publicKeyPem !== undefined) return publicKeyPem
  return encodePem('PUBLIC KEY', Buffer.from(publicKeyDer ?? '', 'hex'))
}

type Verify = (test: Test) => boolean

/** The group's key as a publisher's, and the algorithm, ready to verify; or the word by which one of them is refused. */
function prepare(group: Group): Verify | string {
  try {
    const pem = pemOf(group)
    parsePublisherDocument({ kind: 'key', keys: [{ publicKeyPem: pem }] })
    const [block] = parsePem(pem)
    const key = parsePublicKey(block?.bytes ?? new Uint8Array(), new VerificationCache())
    const scheme = parseSignatureAlgorithm(readDer(algorithmOf(group)))
    return ({ msg, sig }) =>
      verifySignature(scheme, key, Buffer.from(msg, 'hex'), Buffer.from(sig, 'hex'))
  } catch (error) {
    return refusalOf(error).reason
  }
}

function runFile(name: string, { testGroups }: File): CorpusResult {
  const wrong: WrongRow[] = []
  let right = 0
  let notApplicable = 0
  for (const group of testGroups) {
    const prepared = prepare(group)
    for (const test of group.tests) {
      if (typeof prepared === 'string') {
        // not admitted: every row is refused by a typed error before any signature is looked at
        right += 1
        continue
      }
      const accepted = prepared(test)
      // raw r||s is an encoding of JWS, no seal's: nothing in it may verify
      const foreign = group.type === 'EcdsaP1363Verify'
      if (foreign && !accepted) notApplicable += 1
      else if (!foreign && (test.result === 'acceptable' || accepted === (test.result === 'valid')))
        right += 1
      else
        wrong.push({
          id: `${name} ${test.tcId}`,
          expected: test.result,
          got: accepted ? 'verified' : 'refused',
        })
    }
  }
  return { right, wrong, notApplicable }
}

interface CornerCase {
  readonly number: number
  readonly key: string
  readonly flags: readonly string[] | null
}

const ED25519_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')

/** CCTV: keys of small order, and those in another encoding than their one, are no publisher's. */
function runCorners(rows: readonly CornerCase[]): CorpusResult {
  const wrong: WrongRow[] = []
  let right = 0
  for (const { number, key, flags } of rows) {
    const bad = (flags ?? []).some((flag) => flag === 'low_order_A' || flag === 'non_canonical_A')
    const der = Buffer.concat([ED25519_PREFIX, Buffer.from(key, 'hex')])
    const outcome = prepare({ type: 'EddsaVerify', publicKeyDer: der.toString('hex'), tests: [] })
    const refused = typeof outcome === 'string'
    if (refused === bad) right += 1
    else
      wrong.push({
        id: `ed25519vectors ${number}`,
        expected: bad ? 'refused as a publisher key' : 'taken as a publisher key',
        got: refused ? outcome : 'taken',
      })
  }
  return { right, wrong, notApplicable: 0 }
}

export const corpus: Corpus = {
  name: 'wycheproof',
  run: (root) => {
    const folder = join(root, 'wycheproof')
    const parts = readdirSync(folder)
      .filter((name) => name.endsWith('.json'))
      .map((name): CorpusResult => {
        const content: unknown = JSON.parse(readFileSync(join(folder, name), 'utf8'))
        if (name === 'ed25519vectors.json') return runCorners(content as readonly CornerCase[])
        const file = content as File
        if (!name.startsWith('json_web_')) return runFile(name, file)
        // no part of this corpus's reach: seals hold no JWS, tokens are read elsewhere
        const rows = file.testGroups.reduce((sum, { tests }) => sum + tests.length, 0)
        return { right: 0, wrong: [], notApplicable: rows }
      })
    return Promise.resolve({
      right: parts.reduce((sum, part) => sum + part.right, 0),
      wrong: parts.flatMap((part) => part.wrong),
      notApplicable: parts.reduce((sum, part) => sum + part.notApplicable, 0),
    })
  },
}
