import { expect, test } from 'vitest'

import { encodeDer, octetString, sequence } from '../../../services/seal/index.ts'
import {
  findPath,
  parseCertificate,
  VerificationCache,
  type PathRules,
} from '../../../services/trust/index.ts'
import { isValidAt } from '../../../services/trust/path.ts'
import {
  AT_MS,
  intermediate,
  issue,
  keyPair,
  root,
  type Extension,
  type TestCertificate,
} from '../../support/pki.ts'

const DAY_MS = 86_400_000
const cache = new VerificationCache()
const parse = ({ der }: TestCertificate) => parseCertificate(der, cache)
const key = keyPair()
const past = { fromMs: AT_MS - 20 * DAY_MS, untilMs: AT_MS - 10 * DAY_MS }
/** One authority in several certificates. */
const expired = root({ key, serial: 1, ...past })
const first = root({ key, serial: 2 })
const second = root({ key, serial: 3 })
const leaf = issue({ issuer: first })

interface Spec {
  readonly leaf?: TestCertificate
  readonly others?: readonly TestCertificate[]
  readonly anchors: readonly TestCertificate[]
  readonly timesMs?: readonly number[]
  readonly rules?: PathRules
}

/** The certificates of the path by their places in `among`, or why there is none. */
function choose({ leaf: start = leaf, others = [], anchors, timesMs = [AT_MS], rules = {} }: Spec) {
  const options = { intermediates: others.map(parse), anchors: anchors.map(parse), timesMs, rules }
  const result = findPath(parse(start), options, cache)
  if (result.kind === 'none') return result.refusal.reason
  return result.certificates.map((one) => {
    const isSame = ({ der }: TestCertificate) => Buffer.from(der).equals(one.der)
    const [anchor, other] = [anchors.findIndex(isSame), others.findIndex(isSame)]
    return anchor >= 0 ? `anchor ${anchor}` : other >= 0 ? `other ${other}` : 'leaf'
  })
}

test.each<[string, Spec, readonly string[] | string]>([
  ['a valid anchor after an expired one', { anchors: [expired, first] }, ['leaf', 'anchor 1']],
  ['a valid anchor before an expired one', { anchors: [first, expired] }, ['leaf', 'anchor 0']],
  ['the first of two that are valid', { anchors: [first, second] }, ['leaf', 'anchor 0']],
  ['an expired one alone', { anchors: [expired] }, ['leaf', 'anchor 0']],
  [
    'the one that is valid at every time',
    { anchors: [expired, first], timesMs: [AT_MS - 15 * DAY_MS, AT_MS] },
    ['leaf', 'anchor 1'],
  ],
  ['another anchor', { anchors: [root()] }, 'certificate-signature'],
  ['an anchor of another name', { anchors: [root({ subject: 'other' })] }, 'unknown-issuer'],
  ['no anchor', { anchors: [] }, 'unknown-issuer'],
  ['a pinned leaf', { anchors: [leaf] }, ['anchor 0']],
  ['a pinned leaf beside others', { anchors: [first, leaf] }, ['anchor 1']],
])('chooses %s', (_title, spec, path) => {
  expect(choose(spec)).toEqual(path)
})

const issuing = intermediate(first)
const below = issue({ issuer: issuing })
const issuingKey = issuing.key
const twin = intermediate(first, { key: issuingKey, serial: 9 })
const lapsed = intermediate(first, { key: issuingKey, serial: 10, ...past })

test.each<[string, Spec, readonly string[] | string]>([
  ['an intermediate', { others: [issuing], anchors: [first] }, ['leaf', 'other 0', 'anchor 0']],
  [
    'the first of two',
    { others: [twin, issuing], anchors: [first] },
    ['leaf', 'other 0', 'anchor 0'],
  ],
  [
    'one that has not expired',
    { others: [lapsed, issuing], anchors: [first] },
    ['leaf', 'other 1', 'anchor 0'],
  ],
  [
    'the one before one that has expired',
    { others: [issuing, lapsed], anchors: [first] },
    ['leaf', 'other 0', 'anchor 0'],
  ],
  [
    'an expired one, for want of others',
    { others: [lapsed], anchors: [first] },
    ['leaf', 'other 0', 'anchor 0'],
  ],
  [
    'the operator’s own copy rather than a seal’s',
    { others: [twin], anchors: [issuing, first] },
    ['leaf', 'anchor 0'],
  ],
  ['no copy of an anchor', { others: [twin], anchors: [lapsed] }, ['leaf', 'anchor 0']],
  [
    'no intermediates where none may stand',
    { others: [issuing], anchors: [first], rules: { maxIntermediates: 0 } },
    'unknown-issuer',
  ],
  [
    'one where one may stand',
    { others: [issuing], anchors: [first], rules: { maxIntermediates: 1 } },
    ['leaf', 'other 0', 'anchor 0'],
  ],
])('chooses %s above the leaf', (_title, spec, path) => {
  expect(choose({ leaf: below, ...spec })).toEqual(path)
})

/** A chain of `length` authorities below the root, the last of which issued the leaf. */
function chainOf(length: number, spec: (height: number) => { pathLength?: number } = () => ({})) {
  const others: TestCertificate[] = []
  let issuer = first
  for (let height = length; height > 0; height -= 1) {
    issuer = intermediate(issuer, { subject: `authority ${height}`, ...spec(height) })
    others.push(issuer)
  }
  return { leaf: issue({ issuer }), others, anchors: [first] }
}

test('follows paths of sixteen certificates below their anchor at most', () => {
  expect(choose(chainOf(14))).toHaveLength(16)
  expect(choose(chainOf(15))).toHaveLength(17)
  expect(choose(chainOf(16))).toBe('unknown-issuer')
})

test.each<[number, number, string | undefined]>([
  [1, 0, undefined],
  [2, 1, undefined],
  [2, 0, 'path-length'],
  [3, 1, 'path-length'],
  [3, 2, undefined],
])('of %i authorities the highest allows %i below it: %s', (length, pathLength, reason) => {
  const found = choose(chainOf(length, (height) => (height === length ? { pathLength } : {})))

  expect(typeof found === 'string' ? found : undefined).toBe(reason)
})

test('does not count authorities that issued themselves', () => {
  const top = intermediate(first, { subject: 'self', pathLength: 0 })
  const renewed = intermediate(top, { subject: 'self' })
  const start = issue({ issuer: renewed })
  const spec = { leaf: start, others: [top, renewed], anchors: [first] }

  expect(choose(spec)).toEqual(['leaf', 'other 1', 'other 0', 'anchor 0'])
  expect(choose({ ...spec, rules: { maxIntermediates: 1 } })).toHaveLength(4)
  expect(choose({ ...spec, rules: { maxIntermediates: 0 } })).toBe('unknown-issuer')
})

const keyId = (id: number): Extension => ({
  oid: '2.5.29.14',
  value: octetString(Uint8Array.of(id)),
})
const authorityKeyId = (id: number): Extension => ({
  oid: '2.5.29.35',
  value: sequence(encodeDer(0x80, Uint8Array.of(id))),
})

test.each<[string, Extension[], Extension[], boolean]>([
  ['the same', [authorityKeyId(1)], [keyId(1)], true],
  ['others', [authorityKeyId(1)], [keyId(2)], false],
  ['none in the issuer', [authorityKeyId(1)], [], true],
  ['none in the subject', [], [keyId(2)], true],
])('of two key ids that are %s', (_title, own, above, isFound) => {
  const anchor = root({ extensions: above })
  const start = issue({ issuer: anchor, extensions: own })

  expect(choose({ leaf: start, anchors: [anchor] })).toEqual(
    isFound ? ['leaf', 'anchor 0'] : 'unknown-issuer',
  )
})

test('counts both ends of the validity of a certificate', () => {
  const certificate = parse(issue({ fromMs: AT_MS, untilMs: AT_MS + 5_000 }))

  expect(
    [AT_MS - 1, AT_MS, AT_MS + 5_999, AT_MS + 6_000].map((ms) => isValidAt(certificate, ms)),
  ).toEqual([false, true, true, false])
})

test('says of the leaf and of authorities by the profile what they lack', () => {
  const refusal = (start: TestCertificate, anchors: readonly TestCertificate[]) => {
    const options = {
      intermediates: [],
      anchors: anchors.map(parse),
      timesMs: [AT_MS],
      rules: { profile: 'rfc5280' } as const,
    }
    const result = findPath(parse(start), options, cache)
    return result.kind === 'none' ? [result.refusal.reason, result.refusal.got] : []
  }
  const whole = root({ extensions: [keyId(1)] })
  const good = issue({ issuer: whole, extensions: [authorityKeyId(1)] })

  expect(refusal(good, [whole])).toEqual([])
  expect(refusal(leaf, [first])).toEqual([
    'profile',
    '`CN=signer` departs from RFC 5280 §4: no authority key id',
  ])
  expect(refusal(issue({ issuer: first, extensions: [authorityKeyId(1)] }), [first])).toEqual([
    'profile',
    '`CN=root` departs from RFC 5280 §4: no subject key id',
  ])
})
