import { expect, test } from 'vitest'

import { encodeDer, objectIdentifier, sequence } from '../../../services/seal/index.ts'
import {
  findPath,
  parseCertificate,
  PURPOSES,
  VerificationCache,
  type PathRules,
} from '../../../services/trust/index.ts'
import {
  AT_MS,
  intermediate,
  issue,
  root,
  type Extension,
  type TestCertificate,
} from '../../support/pki.ts'
import { saying } from './told.ts'

const cache = new VerificationCache()
const ca = root()

/** The reason why no path leads from the leaf to the root, or `undefined`. */
function reasonOf(
  leaf: TestCertificate,
  others: readonly TestCertificate[],
  rules: PathRules = {},
): string | undefined {
  const parse = ({ der }: TestCertificate) => parseCertificate(der, cache)
  const options = {
    intermediates: others.map(parse),
    anchors: [parse(ca)],
    timesMs: [AT_MS],
    rules,
  }
  const result = findPath(parse(leaf), options, cache)
  return result.kind === 'path' ? undefined : result.refusal.reason
}

const TAGS = { email: 0x81, dns: 0x82, uri: 0x86, ip: 0x87 }

function constraints(
  list: 'permitted' | 'excluded',
  type: keyof typeof TAGS,
  value: Uint8Array | string,
): Extension {
  const base = encodeDer(TAGS[type], typeof value === 'string' ? Buffer.from(value) : value)
  const tag = list === 'permitted' ? 0xa0 : 0xa1
  return { oid: '2.5.29.30', critical: true, value: sequence(encodeDer(tag, sequence(base))) }
}

const NET = Uint8Array.of(10, 0, 0, 0, 255, 0, 0, 0)

test.each<[Extension, keyof typeof TAGS, string, boolean]>([
  [constraints('permitted', 'dns', 'example.org'), 'dns', 'a.example.org', true],
  [constraints('permitted', 'dns', 'example.org'), 'dns', 'EXAMPLE.ORG', true],
  [constraints('permitted', 'dns', 'example.org'), 'dns', 'badexample.org', false],
  [constraints('permitted', 'dns', 'example.org'), 'dns', 'example.org.', false],
  [constraints('permitted', 'dns', 'example.org'), 'uri', 'https://other.net/', true],
  [constraints('excluded', 'dns', 'a.example.org'), 'dns', '*.example.org', false],
  [constraints('excluded', 'dns', 'a.example.org'), 'dns', 'b.example.org', true],
  [constraints('permitted', 'email', 'a@example.org'), 'email', 'a@EXAMPLE.org', true],
  [constraints('permitted', 'email', 'a@example.org'), 'email', 'A@example.org', false],
  [constraints('permitted', 'email', 'example.org'), 'email', 'b@example.org', true],
  [constraints('permitted', 'email', 'example.org'), 'email', 'b@sub.example.org', false],
  [constraints('permitted', 'email', '.example.org'), 'email', 'b@sub.example.org', true],
  [constraints('permitted', 'email', 'example.org'), 'email', 'x@evil.net@example.org', false],
  [constraints('permitted', 'uri', 'example.org'), 'uri', 'https://u:p@example.org:8/x', true],
  [constraints('permitted', 'uri', 'example.org'), 'uri', 'https://example.org@evil.net/', false],
  [constraints('permitted', 'uri', '.example.org'), 'uri', 'https://a.example.org', true],
  [constraints('excluded', 'uri', 'example.org'), 'uri', 'urn:no:host', false],
  [constraints('permitted', 'ip', NET), 'ip', '\n\x01\x02\x03', true],
  [constraints('permitted', 'ip', NET), 'ip', '\x0b\x01\x02\x03', false],
  [constraints('excluded', 'ip', NET), 'ip', '\n\x01\x02', false],
])('name constraints of an authority: row %#', (extension, type, value, allowed) => {
  const authority = intermediate(ca, { extensions: [extension] })
  const leaf = issue({ issuer: authority, altNames: [{ tag: TAGS[type], value }] })

  expect(reasonOf(leaf, [authority])).toBe(allowed ? undefined : 'name-constraints')
})

test('refuses a path on which a name constraint is violated by the subject itself', () => {
  const name = sequence()
  const base = encodeDer(0xa4, name)
  const everyName = {
    oid: '2.5.29.30',
    critical: true,
    value: sequence(encodeDer(0xa1, sequence(base))),
  }
  const authority = intermediate(ca, { extensions: [everyName] })

  expect(reasonOf(issue({ issuer: authority }), [authority])).toBe('name-constraints')
})

test.each<[string, Uint8Array]>([
  ['nothing in them', sequence()],
  ['a leading dot', constraints('permitted', 'dns', '.example.org').value],
  [
    'a mask with a hole',
    constraints('permitted', 'ip', Uint8Array.of(10, 0, 0, 0, 255, 0, 255, 0)).value,
  ],
  ['a type that there is not', sequence(encodeDer(0xa0, sequence(encodeDer(0x9e))))],
])('does not read name constraints with %s', (_title, value) => {
  const authority = intermediate(ca, { extensions: [{ oid: '2.5.29.30', critical: true, value }] })

  expect(saying(() => parseCertificate(authority.der, cache))).toThrow(
    expect.objectContaining({ code: 'INVALID_SEAL' }),
  )
})

const policies = (...oids: string[]): Extension => ({
  oid: '2.5.29.32',
  value: sequence(...oids.map((oid) => sequence(objectIdentifier(oid)))),
})
const needs = (...acceptable: string[]): PathRules => ({
  policies: { acceptable, requireExplicit: true },
})

test('asks for one of the policies over the whole path', () => {
  const authority = intermediate(ca, { extensions: [policies('1.2.3', '1.2.4')] })
  const leaf = issue({ issuer: authority, extensions: [policies('1.2.3')] })
  const bare = issue({ issuer: authority })

  expect(reasonOf(leaf, [authority], needs('1.2.9', '1.2.3'))).toBeUndefined()
  expect(reasonOf(leaf, [authority], needs('1.2.4'))).toBe('certificate-policy')
  expect(reasonOf(bare, [authority], needs('1.2.3'))).toBe('certificate-policy')
  expect(reasonOf(bare, [authority])).toBeUndefined()
})

test('refuses a path whose authority demands a policy that the leaf does not have', () => {
  const demand = {
    oid: '2.5.29.36',
    critical: true,
    value: sequence(encodeDer(0x80, Uint8Array.of(0))),
  }
  const authority = intermediate(ca, { extensions: [policies('1.2.3'), demand] })

  expect(reasonOf(issue({ issuer: authority }), [authority])).toBe('certificate-policy')
  expect(
    reasonOf(issue({ issuer: authority, extensions: [policies('1.2.3')] }), [authority]),
  ).toBeUndefined()
})

test('takes a certificate that departs from what issuers must do, unless the publisher wants the profile', () => {
  const leaf = issue({ issuer: ca })

  expect(reasonOf(leaf, [])).toBeUndefined()
  expect(reasonOf(leaf, [], { profile: 'rfc5280' })).toBe('profile')
})

test('lets a bag not widen an authority that the publisher pinned in another form', () => {
  const key = ca.key
  const wide = root({ key, extensions: [policies('1.2.3')] })
  const narrow = issue({ issuer: ca, usages: ['1.3.6.1.5.5.7.3.8'] })

  expect(reasonOf(narrow, [wide])).toBe('extended-key-usage')
  expect(reasonOf(issue({ issuer: ca }), [wide])).toBeUndefined()
})

test('takes a certificate for what its purpose is, and for nothing else', () => {
  const server = issue({ issuer: ca, usages: ['1.3.6.1.5.5.7.3.1'] })

  expect(reasonOf(server, [], { purpose: PURPOSES.serverAuth })).toBeUndefined()
  expect(reasonOf(server, [], { purpose: PURPOSES.clientAuth })).toBe('extended-key-usage')
  expect(reasonOf(server, [], { purpose: PURPOSES.timeStamping })).toBe('extended-key-usage')
  expect(reasonOf(server, [], { purpose: PURPOSES.any })).toBeUndefined()
  expect(
    reasonOf(issue({ issuer: ca, keyUsage: 0x20 }), [], { purpose: PURPOSES.clientAuth }),
  ).toBe('key-usage')
})

test('ends within a second of processor time where hundreds of look-alikes could be put together', () => {
  const bag = Array.from({ length: 150 }, (_, serial) => intermediate(ca, { serial: serial + 1 }))
  const before = process.cpuUsage()

  expect(reasonOf(issue({ issuer: intermediate(ca) }), bag)).toBe('path-attempts')
  const { user, system } = process.cpuUsage(before)
  expect((user + system) / 1_000).toBeLessThan(1_000)
})
