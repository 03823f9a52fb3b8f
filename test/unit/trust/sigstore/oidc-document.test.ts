import { expect, test } from 'vitest'

import type { Json } from '../../../../services/model/index.ts'
import {
  parsePublisherDocument,
  parseTrustedRoot,
  VerificationCache,
} from '../../../../services/trust/index.ts'
import { keyPair, publicPem, root } from '../../../support/pki.ts'
import { IDENTITY, ISSUER, TestSigstore } from '../../../support/sigstore.ts'
import { saying } from '../told.ts'

const sigstore = new TestSigstore()
const trustedRoot = sigstore.trustedRoot()
const base = {
  kind: 'oidc',
  trustedRoot,
  issuer: ISSUER,
  identity: { type: 'uri', value: IDENTITY },
}
const identity = (value: string, type = 'uri') => ({ ...base, identity: { type, value } })

test('keeps a keyless publisher as it was given, and reads it back the same', () => {
  const claims = { repositoryId: '7', event: ['push', 'pull_request'] }
  const parsed = parsePublisherDocument({ ...base, claims, thresholds: { logs: 1, timestamps: 1 } })

  expect(parsed).toEqual({
    ...base,
    forms: ['statement'],
    purposes: ['seal'],
    claims: { repositoryId: ['7'], event: ['push', 'pull_request'] },
    thresholds: { logs: 1, timestamps: 1 },
  })
  expect(parsePublisherDocument(JSON.parse(JSON.stringify(parsed)))).toEqual(parsed)
})

test.each([
  [
    'a glob in the workflow',
    identity('https://github.com/acme/app/.github/workflows/*@refs/heads/main'),
  ],
  ['a glob below the owner', identity('https://github.com/acme/*/x')],
  ['a glob for a person', identity('*@acme.example', 'email')],
  ['a glob for a user name', identity('*!acme.example', 'username')],
  [
    'an exact text with regular expression characters',
    identity('https://github.com/a/b.*c'.replace('*', '+')),
  ],
])('takes %s', (_title, document) => {
  expect(parsePublisherDocument(document).kind).toBe('oidc')
})

const no = (change: Record<string, unknown>) => ({ ...base, ...change })

test.each<[string, unknown]>([
  ['no issuer', no({ issuer: undefined })],
  ['an issuer that is no URL', no({ issuer: 'github' })],
  ['a glob for an issuer', no({ issuer: 'https://*.example' })],
  ['no identity', no({ identity: undefined })],
  ['an identity without a type', no({ identity: { value: IDENTITY } })],
  [
    'an unknown member in the identity',
    no({ identity: { type: 'uri', value: 'a:b', regex: true } }),
  ],
  ['an empty identity', identity('')],
  ['an identity with a line feed', identity(`${IDENTITY}\n`)],
  ['a glob for everything', identity('*')],
  ['a glob in the host', identity('https://*.com/acme/app')],
  ['a glob in the owner', identity('https://github.com/ac*/app')],
  ['a glob right behind the owner', identity('https://github.com/acme*')],
  ['a double star', identity('https://github.com/acme/**')],
  ['a glob in the domain of an address', identity('ci@*', 'email')],
  ['a glob in the domain of a user name', identity('ci!*', 'username')],
  ['claims that are a list', no({ claims: [] })],
  ['an unknown claim', no({ claims: { actor: 'x' } })],
  ['a claim that every object inherits', no({ claims: { toString: 'x' } })],
  ['a claim without values', no({ claims: { ref: [] } })],
  ['a glob for a commit', no({ claims: { commit: '*' } })],
  ['a double star in a claim', no({ claims: { ref: 'refs/**' } })],
  ['a number that is none', no({ claims: { repositoryId: 'acme' } })],
  ['a repository by name alone', no({ claims: { repository: 'https://github.com/acme/app' } })],
  ['an owner by name alone', no({ claims: { owner: 'https://github.com/acme' } })],
  ['no trusted root', no({ trustedRoot: undefined })],
  ['a trusted root that is no text', no({ trustedRoot: {} })],
  ['a trusted root that is no JSON', no({ trustedRoot: '{' })],
  ['a threshold beyond the logs', no({ thresholds: { logs: 3 } })],
  ['a threshold below zero', no({ thresholds: { timestamps: -1 } })],
  ['an unknown threshold', no({ thresholds: { witnesses: 1 } })],
  ['thresholds that are a list', no({ thresholds: [] })],
  ['the form cms', no({ forms: ['cms'] })],
  [
    'a threshold of logs without a root',
    { kind: 'key', keys: [{ publicKeyPem: publicPem(keyPair()) }], thresholds: { logs: 1 } },
  ],
])('refuses a keyless publisher with %s', (_title, document) => {
  expect(saying(() => parsePublisherDocument(document))).toThrow(
    expect.objectContaining({ code: 'INVALID_PARAMETER' }) as Error,
  )
})

type Members = Record<string, Json>
const parse = (change: (json: Members) => void) =>
  parseTrustedRoot(sigstore.trustedRoot(change), new VerificationCache())
const first = (json: Members, list: string) => (json[list] as Members[])[0] ?? {}
const keyOf = (json: Members) => first(json, 'tlogs')['publicKey'] as Members

test('reads a trusted root with every authority, log and window', () => {
  const parsed = parse((json) => {
    json['timestampAuthorities'] = json['certificateAuthorities'] ?? []
    first(json, 'tlogs')['checkpointKeyId'] = { keyId: 'AAAAAA==' }
    first(json, 'tlogs')['operator'] = null
    delete first(json, 'tlogs')['baseUrl']
    keyOf(json)['validFor'] = { start: '2026-01-01T00:00:00Z', end: '2027-01-01T00:00:00Z' }
  })

  expect(parsed.logs).toHaveLength(2)
  expect(parsed.logs[0]).toMatchObject({
    checkpointKeyId: '00000000',
    baseUrl: '',
    window: { untilMs: Date.UTC(2027, 0, 1) },
  })
  expect(parsed.timestampAuthorities[0]).toMatchObject({ notBeforeMs: Date.UTC(2026, 0, 1) })
})

test('reads an RSA key as PKCS #1 and as SubjectPublicKeyInfo alike', () => {
  const key = keyPair('rsa2048').publicKey
  const read = (type: 'pkcs1' | 'spki') =>
    parse((json) => {
      keyOf(json)['keyDetails'] = 'PKCS1_RSA_PKCS1V5'
      keyOf(json)['rawBytes'] = key.export({ format: 'der', type }).toString('base64')
    }).logs[0]?.key.spkiSha256

  expect(read('pkcs1')).toBe(read('spki'))
})

test.each<[string, (json: Members) => void]>([
  [
    'a kind of key that is not ours',
    (json) => {
      keyOf(json)['keyDetails'] = 'ML_DSA_65'
    },
  ],
  [
    'a tree of another hash',
    (json) => {
      first(json, 'tlogs')['hashAlgorithm'] = 'SHA2_512'
    },
  ],
])('passes over a log with %s', (_title, change) => {
  expect(parse(change).logs).toHaveLength(1)
})

test.each<[string, (json: Members) => void]>([
  [
    'another media type',
    (json) => {
      json['mediaType'] = 'x'
    },
  ],
  [
    'an unknown member',
    (json) => {
      json['extra'] = []
    },
  ],
  [
    'a log without the beginning of its validity',
    (json) => {
      keyOf(json)['validFor'] = {}
    },
  ],
  [
    'a log without validity',
    (json) => {
      delete keyOf(json)['validFor']
    },
  ],
  [
    'a log that ends before it begins',
    (json) => {
      keyOf(json)['validFor'] = { start: '2026-01-02T00:00:00Z', end: '2026-01-01T00:00:00Z' }
    },
  ],
  [
    'a time that is none',
    (json) => {
      keyOf(json)['validFor'] = { start: 'yesterday' }
    },
  ],
  [
    'a log without an id',
    (json) => {
      delete first(json, 'tlogs')['logId']
    },
  ],
  [
    'a log id of two bytes',
    (json) => {
      first(json, 'tlogs')['logId'] = { keyId: 'AAA=' }
    },
  ],
  [
    'a key of another kind than it says',
    (json) => {
      keyOf(json)['keyDetails'] = 'PKIX_ED25519'
    },
  ],
  [
    'a key that cannot be read',
    (json) => {
      keyOf(json)['rawBytes'] = 'MAA='
    },
  ],
  [
    'too many logs',
    (json) => {
      json['tlogs'] = Array.from({ length: 33 }, () => first(json, 'tlogs'))
    },
  ],
  [
    'an authority without certificates',
    (json) => {
      first(json, 'certificateAuthorities')['certChain'] = { certificates: [] }
    },
  ],
  [
    'a chain that is too long',
    (json) => {
      const raw = { rawBytes: Buffer.from(root().der).toString('base64') }
      first(json, 'certificateAuthorities')['certChain'] = {
        certificates: Array.from({ length: 9 }, () => raw),
      }
    },
  ],
  [
    'more than it may weigh',
    (json) => {
      json['mediaType'] = 'x'.repeat(262_144)
    },
  ],
])('refuses a trusted root with %s', (_title, change) => {
  expect(saying(() => parse(change))).toThrow(
    expect.objectContaining({ code: 'INVALID_SEAL' }) as Error,
  )
})
