import { expect, test } from 'vitest'

import {
  encodeDer,
  objectIdentifier,
  sequence,
  smallInteger,
} from '../../../services/seal/index.ts'
import { parseCertificate, VerificationCache } from '../../../services/trust/index.ts'
import { findPolicyFault, type PolicyInput } from '../../../services/trust/policies.ts'
import {
  intermediate,
  issue,
  root,
  type CertificateSpec,
  type Extension,
  type TestCertificate,
} from '../../support/pki.ts'

const cache = new VerificationCache()
const ANY = '2.5.29.32.0'
const [P, Q, R] = ['1.2.3', '1.2.4', '1.2.5']

const policies = (...oids: string[]): Extension => ({
  oid: '2.5.29.32',
  value: sequence(...oids.map((oid) => sequence(objectIdentifier(oid)))),
})
const mappings = (...pairs: [string, string][]): Extension => ({
  oid: '2.5.29.33',
  value: sequence(
    ...pairs.map(([from, to]) => sequence(objectIdentifier(from), objectIdentifier(to))),
  ),
})
const constraint = (tag: number, skip: number): Extension => ({
  oid: '2.5.29.36',
  critical: true,
  value: sequence(encodeDer(tag, Uint8Array.of(skip))),
})
const demand = (skip: number): Extension => constraint(0x80, skip)
const noMapping = (skip: number): Extension => constraint(0x81, skip)
const noAny = (skip: number): Extension => ({
  oid: '2.5.29.54',
  critical: true,
  value: smallInteger(skip),
})

interface Step {
  readonly extensions?: readonly Extension[]
  /** The same name and key as the one above. */
  readonly selfIssued?: boolean
}

/** The fault on the path from a root through these authorities to a leaf with `last`, or `undefined`. */
function faultOf(
  authorities: readonly Step[],
  last: readonly Extension[],
  input: PolicyInput = {},
  top: CertificateSpec = {},
): string | undefined {
  const anchor = root(top)
  const path: TestCertificate[] = [anchor]
  for (const [i, { extensions = [], selfIssued }] of authorities.entries()) {
    const above = path[0] ?? anchor
    const same = selfIssued === true ? { name: above.name, key: above.key } : {}
    path.unshift(intermediate(above, { subject: `authority ${i}`, extensions, ...same }))
  }
  path.unshift(issue({ issuer: path[0] ?? anchor, extensions: last }))
  const [first, ...rest] = path.map(({ der }) => parseCertificate(der, cache)).toReversed()
  return findPolicyFault(rest.toReversed(), first, input)
}

const wants = (...acceptable: string[]): PolicyInput => ({ acceptable, requireExplicit: true })

test('lets a policy of the top stand for what it is mapped to, and only for that', () => {
  const mapped = [{ extensions: [policies(P), mappings([P, Q])] }]
  expect(faultOf(mapped, [policies(Q)], wants(P))).toBeUndefined()
  expect(faultOf(mapped, [policies(Q)], wants(Q))).toContain(Q)
  expect(faultOf(mapped, [policies(P)], wants(P))).toContain('no certificate policy holds')
})

test('lets one policy be mapped to several', () => {
  const mapped = [{ extensions: [policies(P), mappings([P, Q], [P, R])] }]
  expect(faultOf(mapped, [policies(Q)], wants(P))).toBeUndefined()
  expect(faultOf(mapped, [policies(R)], wants(P))).toBeUndefined()
})

test('maps a policy that any policy stands for, and none that does not hold', () => {
  const any = [{ extensions: [policies(ANY), mappings([P, Q])] }]
  expect(faultOf(any, [policies(Q)], wants(P))).toBeUndefined()
  const other = [{ extensions: [policies(R), mappings([P, Q])] }]
  expect(faultOf(other, [policies(Q)], wants(P))).toContain('no certificate policy holds')
})

test('counts no mapping where mapping is inhibited, whoever inhibits it', () => {
  const mapped = [{ extensions: [policies(P), mappings([P, Q])] }]
  expect(faultOf(mapped, [policies(Q)], { ...wants(P), inhibitMapping: true })).toBeDefined()
  const inhibited = [
    { extensions: [policies(P), noMapping(0)] },
    { extensions: [policies(P), mappings([P, Q])] },
  ]
  expect(faultOf(inhibited, [policies(Q)], wants(P))).toBeDefined()
  const later = [
    { extensions: [policies(P), noMapping(1)] },
    { extensions: [policies(P), mappings([P, Q])] },
  ]
  expect(faultOf(later, [policies(Q)], wants(P))).toBeUndefined()
})

test.each<[string, string]>([
  [ANY, P],
  [P, ANY],
])('refuses a mapping from %s to %s', (from, to) => {
  const mapped = [{ extensions: [policies(P), mappings([from, to])] }]
  expect(faultOf(mapped, [policies(P)])).toContain('maps a policy to or from any policy')
})

test('lets any policy stand for every one, unless that is inhibited', () => {
  const any = [{ extensions: [policies(ANY)] }]
  expect(faultOf(any, [policies(P)], wants(P))).toBeUndefined()
  expect(faultOf(any, [policies(ANY)], wants(P))).toBeUndefined()
  expect(faultOf(any, [policies(P)], { ...wants(P), inhibitAny: true })).toContain(
    'no certificate policy holds',
  )
  const inhibited = [{ extensions: [policies(P), noAny(0)] }]
  expect(faultOf(inhibited, [policies(ANY)], wants(P))).toContain('no certificate policy holds')
})

test('lets any policy keep what holds above, and add nothing to it', () => {
  const narrow = [{ extensions: [policies(P)] }]
  expect(faultOf(narrow, [policies(ANY)], wants(P))).toBeUndefined()
  expect(faultOf(narrow, [policies(P, ANY)], wants(P))).toBeUndefined()
  expect(faultOf(narrow, [policies(ANY)], wants(Q))).toContain(Q)
})

test('counts any policy in a self-issued authority, though inhibited, and not in the leaf', () => {
  const rollover = [
    { extensions: [policies(P), noAny(0)] },
    { extensions: [policies(ANY)], selfIssued: true },
  ]
  expect(faultOf(rollover, [policies(P)], wants(P))).toBeUndefined()
  expect(faultOf(rollover, [policies(ANY)], wants(P))).toBeDefined()
})

test('does not count a self-issued authority among those that a demand skips', () => {
  const bare = [
    { extensions: [policies(P), demand(2)] },
    { extensions: [policies(P)], selfIssued: true },
  ]
  expect(faultOf(bare, [])).toBeUndefined()
  expect(faultOf([...bare, { extensions: [policies(P)] }], [])).toContain(
    'no certificate policy holds',
  )
})

test('asks for some policy where a certificate demands one and nobody says which', () => {
  const demanding = [{ extensions: [policies(P), demand(0)] }]
  expect(faultOf(demanding, [])).toContain('no certificate policy holds down to')
  expect(faultOf([{ extensions: [] }], [demand(0)])).toBe(
    'no certificate policy holds over the whole path, though a certificate on it demands one',
  )
  expect(faultOf(demanding, [policies(P)], { acceptable: [Q] })).toBe(
    `none of the policies ${Q} holds over the whole path`,
  )
})

test('binds a path by what its anchor demands', () => {
  expect(faultOf([], [], {}, { extensions: [demand(0)] })).toContain('no certificate policy holds')
  expect(faultOf([], [policies(P)], {}, { extensions: [demand(0)] })).toBeUndefined()
})

test('keeps to itself what one authority alone says', () => {
  const certificate = parseCertificate(issue({ extensions: [policies(P)] }).der, cache)
  expect(findPolicyFault([certificate], undefined, wants(P))).toBeUndefined()
  expect(findPolicyFault([certificate], undefined, wants(Q))).toContain(Q)
})
