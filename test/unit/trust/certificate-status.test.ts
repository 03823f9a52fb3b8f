import { beforeEach, expect, test } from 'vitest'

import type { RevocationSettings, X509PublisherDocument } from '../../../services/model/index.ts'
import {
  checkStatus,
  parseCertificate,
  parsePublisherDocument,
  parseRevocationList,
  publisherFromPem,
  VerificationCache,
} from '../../../services/trust/index.ts'
import { derNull, encodeDer, sequence, smallInteger } from '../../../services/seal/index.ts'
import {
  AT_MS,
  identityOf,
  intermediate,
  issue,
  keyPair,
  openZip,
  publisher,
  reasonsOf,
  root,
  sealOf,
  type TestCertificate,
} from '../../support/pki.ts'
import {
  listPem,
  ocspResponse,
  revocationList,
  type ListSpec,
} from '../../support/revocation-data.ts'
import { assertTold, judgeZip, saying } from './told.ts'

const DAY_MS = 86_400_000
const URL_OF_LIST = 'http://lists.example.org/ca.crl'
const zip = await openZip()
const ca = root()
const issuing = intermediate(ca)
const leaf = issue({ issuer: ca, serial: 7 })
// Anew for each test, so that each computes what it is about.
let cache = new VerificationCache()
beforeEach(() => {
  cache = new VerificationCache()
})

/** The verdict over a CMS by the leaf, where the publisher has these lists. */
async function judgeWith(
  lists: RevocationSettings['lists'],
  settings: Partial<RevocationSettings> & {
    readonly fetched?: Uint8Array
    readonly signer?: TestCertificate
    readonly chain?: readonly TestCertificate[]
    readonly checks?: { readonly revocation: 'enforce' | 'log' }
  } = {},
) {
  const { fetched, signer = leaf, chain = [], checks, ...rest } = settings
  const seal = await sealOf(zip, identityOf(signer, chain), { place: 'detached' })
  const document = {
    ...publisherFromPem(ca.pem),
    revocation: { lists, onFailure: 'closed' as const, ...rest },
    ...(checks && { checks }),
  }
  const revocationLists =
    fetched === undefined ? [] : [{ url: URL_OF_LIST, der: fetched, fetchedAtMs: AT_MS - 1 }]
  return judgeZip(zip, [publisher(document)], { detached: [seal], revocationLists })
}

const inline = (spec: ListSpec = {}, issuer = ca) => [
  { pem: listPem(revocationList(issuer, spec)) },
]

test('warns of what its authority revoked where the publisher logs that, and still tells it', async () => {
  const lists = inline({ revoked: [{ serial: 7 }] })
  const logged = await judgeWith(lists, { checks: { revocation: 'log' } })

  expect(reasonsOf(await judgeWith(lists))).toEqual(['certificate-revoked'])
  expect(logged.kind).toBe('trusted')
  expect(logged.findings).toContainEqual(
    expect.objectContaining({ status: 'warned', reason: 'certificate-revoked' }),
  )
})

test('trusts a certificate that a current list of its issuer does not name, until the next list is due', async () => {
  const verdict = await judgeWith(inline())

  expect(verdict.kind).toBe('trusted')
  expect(verdict.validUntilMs).toBe(AT_MS + DAY_MS + 999)
})

test('refuses a revoked certificate', async () => {
  const verdict = await judgeWith(inline({ revoked: [{ serial: 7, reason: 1 }] }))

  expect(verdict.kind).toBe('untrusted')
  expect(reasonsOf(verdict)).toEqual(['certificate-revoked'])
})

test.each<[string, ListSpec]>([
  ['on hold', { revoked: [{ serial: 7, reason: 6 }] }],
  [
    'revoked later than its key was lost',
    { revoked: [{ serial: 7, atMs: AT_MS + DAY_MS, invalidMs: AT_MS - DAY_MS }] },
  ],
  [
    'named by a list that is out of date',
    { revoked: [{ serial: 7 }], nextUpdateMs: AT_MS - 1_000 },
  ],
  [
    'named twice, the later time first',
    { revoked: [{ serial: 7, atMs: AT_MS + DAY_MS }, { serial: 7 }] },
  ],
])('refuses a certificate that is %s', async (_title, spec) => {
  const reasons = reasonsOf(await judgeWith(inline(spec)))

  expect(reasons).toContain('certificate-revoked')
})

test('trusts a certificate whose revocation is yet to take effect, until it does', async () => {
  const verdict = await judgeWith(inline({ revoked: [{ serial: 7, atMs: AT_MS + 60_000 }] }))

  expect(verdict.kind).toBe('trusted')
  expect(verdict.validUntilMs).toBe(AT_MS + 59_999)
})

test.each<[string, ListSpec, string]>([
  ['is out of date', { nextUpdateMs: AT_MS - 1_000 }, 'crl-stale'],
  ['is of a time to come', { thisUpdateMs: AT_MS + 1_000 }, 'crl-stale'],
  [
    'is a delta',
    { extensions: [{ oid: '2.5.29.27', critical: true, value: smallInteger(1) }] },
    'crl-partial',
  ],
  [
    'has an unknown critical extension',
    { extensions: [{ oid: '1.2.3', critical: true, value: derNull() }] },
    'crl-partial',
  ],
  [
    'has an entry with one',
    { revoked: [{ serial: 9, extensions: [{ oid: '1.2.3', critical: true, value: derNull() }] }] },
    'crl-partial',
  ],
  [
    'is for some reasons only',
    {
      extensions: [
        {
          oid: '2.5.29.28',
          critical: true,
          value: sequence(encodeDer(0x83, Uint8Array.of(1, 0x40))),
        },
      ],
    },
    'crl-partial',
  ],
  [
    'is for authorities only',
    {
      extensions: [
        { oid: '2.5.29.28', critical: true, value: sequence(encodeDer(0x82, Uint8Array.of(0xff))) },
      ],
    },
    'crl-missing',
  ],
  [
    'is for a distribution point of others',
    {
      extensions: [
        {
          oid: '2.5.29.28',
          critical: true,
          value: sequence(
            encodeDer(0xa0, encodeDer(0xa0, encodeDer(0x86, Buffer.from('http://x/')))),
          ),
        },
      ],
    },
    'crl-missing',
  ],
  ['bears the signature of a stranger', { key: keyPair() }, 'crl-signature'],
])(
  'a list that %s refuses where failure is closed, and is named where it is open',
  async (_title, spec, reason) => {
    const closed = await judgeWith(inline(spec))
    const open = await judgeWith(inline(spec), { onFailure: 'open' })

    expect(reasonsOf(closed)).toEqual([reason])
    expect(open.kind).toBe('trusted')
    expect(open.seals[0]?.unchecked.join()).toMatch(/revocation of `CN=signer`/)
  },
)

test('does not take a list by a stranger for one of the issuer', async () => {
  const verdict = await judgeWith(inline({}, root({ subject: 'stranger' })))

  expect(reasonsOf(verdict)).toEqual(['crl-missing'])
})

test('counts a list for as long as the publisher says, where its issuer says longer', async () => {
  const verdict = await judgeWith(inline({ thisUpdateMs: AT_MS - DAY_MS }), {
    maxAgeMs: DAY_MS - 1,
  })

  expect(reasonsOf(verdict)).toEqual(['crl-stale'])
})

test('takes the fetched list of a URL, and misses one that is not there', async () => {
  const source = [{ url: URL_OF_LIST }]

  expect((await judgeWith(source, { fetched: revocationList(ca) })).kind).toBe('trusted')
  expect(reasonsOf(await judgeWith(source))).toEqual(['crl-missing'])
  expect(reasonsOf(await judgeWith(source, { fetched: Buffer.from('junk') }))).toEqual([
    'crl-invalid',
  ])
})

test('refuses where the list of an authority above could not be had', async () => {
  const signer = issue({ issuer: issuing, serial: 7 })
  const own = inline({}, issuing)

  const known = await judgeWith(own, { signer, chain: [issuing] })
  const missing = await judgeWith([...own, { url: URL_OF_LIST }], { signer, chain: [issuing] })

  expect(known.kind).toBe('trusted')
  expect(known.seals[0]?.unchecked.join()).toMatch(/no list covers the certificates of `CN=root`/)
  expect(reasonsOf(missing)).toEqual(['crl-missing'])
})

test('refuses what a revoked authority issued', async () => {
  const signer = issue({ issuer: issuing, serial: 3 })
  const lists = [...inline({}, issuing), ...inline({ revoked: [{ serial: 7 }] })]

  expect(reasonsOf(await judgeWith(lists, { signer, chain: [issuing] }))).toEqual([
    'certificate-revoked',
  ])
})

test('takes a list signed with another key that the same root certified for its name', async () => {
  const other = issue({
    subject: 'issuing',
    issuer: ca,
    ca: undefined,
    keyUsage: 0x02,
    usages: [],
    serial: 8,
  })
  const signer = issue({ issuer: issuing, serial: 7 })
  const lists = inline({ key: other.key }, issuing)

  const verdict = await judgeWith(lists, { signer, chain: [issuing, other] })

  expect(verdict.kind).toBe('trusted')
})

test('does not take a list of an authority that may not sign lists', async () => {
  const mute = root({ keyUsage: 0x04, key: ca.key })
  const seal = await sealOf(zip, identityOf(leaf), { place: 'detached' })
  const document = {
    ...publisherFromPem(mute.pem),
    revocation: { lists: inline(), onFailure: 'closed' as const },
  }

  expect(reasonsOf(judgeZip(zip, [publisher(document)], { detached: [seal] }))).toEqual([
    'crl-signature',
  ])
})

/** What is said of the leaf with these OCSP responses beside the seal, now or at trusted times. */
function statusWith(
  staples: readonly Uint8Array[],
  spec: {
    readonly revocation?: RevocationSettings
    readonly trustedTimesMs?: readonly number[]
  } = {},
) {
  const { trustedTimesMs = [], ...settings } = spec
  const document = { ...publisherFromPem(ca.pem), ...settings } as X509PublisherDocument
  const path = [leaf, ca].map(({ der }) => parseCertificate(der, cache))
  const facts = {
    path,
    document,
    fetched: [],
    staples,
    intermediates: [],
    authorities: [],
    trustedTimesMs,
    atMs: AT_MS,
  }
  const { findings, unchecked } = checkStatus(facts, cache)
  assertTold(findings)
  return { reasons: findings.map(({ reason }) => reason), unchecked }
}

const noLists: RevocationSettings = { lists: [{ url: URL_OF_LIST }], onFailure: 'closed' }
const OCSP_SIGNING = '1.3.6.1.5.5.7.3.9'
const delegate = issue({ subject: 'responder', issuer: ca, serial: 9, usages: [OCSP_SIGNING] })

test('takes a good response by the issuer or its delegate in place of a list', () => {
  for (const responder of [undefined, delegate])
    for (const byKey of [false, true])
      for (const hash of ['sha1', 'sha256'] as const) {
        const good = ocspResponse(ca, {
          status: 'good',
          serial: 7,
          byKey,
          hash,
          ...(responder && { responder }),
        })

        expect(statusWith([good], { revocation: noLists }).reasons).toEqual([])
      }
})

test.each<[string, Parameters<typeof ocspResponse>[1]]>([
  ['is about another certificate', { status: 'good', serial: 8 }],
  ['is out of date', { status: 'good', serial: 7, nextUpdateMs: AT_MS - 1_000 }],
  ['has no end', { status: 'good', serial: 7, nextUpdateMs: undefined }],
  ['does not know', { status: 'unknown', serial: 7 }],
  [
    'is by a certificate that may not answer',
    { status: 'good', serial: 7, responder: issue({ subject: 'responder', issuer: ca }) },
  ],
  [
    'is by a stranger',
    {
      status: 'good',
      serial: 7,
      responder: issue({ subject: 'responder', issuer: root(), usages: [OCSP_SIGNING] }),
    },
  ],
  [
    'is by a delegate that has expired',
    {
      status: 'good',
      serial: 7,
      responder: issue({
        subject: 'responder',
        issuer: ca,
        usages: [OCSP_SIGNING],
        untilMs: AT_MS - 1_000,
      }),
    },
  ],
  [
    'has a critical extension',
    {
      status: 'good',
      serial: 7,
      singleExtensions: [{ oid: '1.2.3', critical: true, value: derNull() }],
    },
  ],
  ['says that the responder could not answer', { status: 'good', serial: 7, responseStatus: 6 }],
])('does not take a response that %s', (_title, spec) => {
  expect(statusWith([ocspResponse(ca, spec)], { revocation: noLists }).reasons).toEqual([
    'crl-missing',
  ])
})

test('counts a revoked response whatever the list says, and without any list', () => {
  const revoked = ocspResponse(ca, { status: 'revoked', serial: 7 })
  const good = { lists: inline(), onFailure: 'open' as const }

  expect(statusWith([revoked]).reasons).toEqual(['certificate-revoked'])
  expect(statusWith([revoked], { revocation: good }).reasons).toEqual(['certificate-revoked'])
})

test('lets a signature stand whose every trusted time lies before the revocation', () => {
  const revoked = ocspResponse(ca, { status: 'revoked', serial: 7, revokedAtMs: AT_MS - DAY_MS })

  expect(statusWith([revoked], { trustedTimesMs: [AT_MS - 2 * DAY_MS] }).reasons).toEqual([])
  expect(statusWith([revoked], { trustedTimesMs: [AT_MS - 2 * DAY_MS, AT_MS] }).reasons).toEqual([
    'certificate-revoked',
  ])
})

test('names a response that cannot be read', () => {
  expect(statusWith([sequence()]).unchecked.join()).toMatch(/OCSP response that cannot be read/)
})

test.each<[string, Uint8Array]>([
  ['bytes after it', Buffer.concat([revocationList(ca), Buffer.from([0])])],
  ['no next update', revocationList(ca, { nextUpdateMs: undefined })],
  ['another algorithm inside than outside', revocationList(ca, { innerAlgorithm: sequence() })],
  ['extensions in version 1', revocationList(ca, { version: new Uint8Array() })],
  ['an unknown reason', revocationList(ca, { revoked: [{ serial: 7, reason: 7 }] })],
  [
    'an indirect scope',
    revocationList(ca, {
      extensions: [
        { oid: '2.5.29.28', critical: true, value: sequence(encodeDer(0x84, Uint8Array.of(0xff))) },
      ],
    }),
  ],
  [
    'an entry of another issuer',
    revocationList(ca, {
      revoked: [
        { serial: 7, extensions: [{ oid: '2.5.29.29', critical: true, value: sequence() }] },
      ],
    }),
  ],
  ['no end', revocationList(ca).subarray(0, 60)],
  ['more than 8 MiB', new Uint8Array(8_388_609)],
])('does not read a list with %s', (_title, der) => {
  expect(saying(() => parseRevocationList(der, cache))).toThrow(
    expect.objectContaining({ code: 'INVALID_SEAL' }),
  )
})

test('reads a list of version 1, and takes back what a list removes', () => {
  const old = parseRevocationList(
    revocationList(ca, { version: new Uint8Array(), extensions: [] }),
    cache,
  )
  const removed = parseRevocationList(
    revocationList(ca, { revoked: [{ serial: 7, reason: 8 }] }),
    cache,
  )

  expect(old.entries.size).toBe(0)
  expect(removed.entries.size).toBe(0)
})

const settings =
  (revocation: unknown, more: Record<string, unknown> = {}) =>
  () =>
    parsePublisherDocument({
      kind: 'x509',
      rootsPem: [ca.pem],
      ...more,
      ...(revocation !== undefined && { revocation }),
    })

test('keeps revocation settings, policies and the profile of a publisher in one form', () => {
  const pem = listPem(revocationList(ca))
  const document = settings(
    { lists: [{ pem }, { url: 'https://x.example/a' }], maxAgeMs: 5 },
    { policies: ['1.2.3'], profile: 'rfc5280' },
  )()

  expect(document).toMatchObject({
    policies: ['1.2.3'],
    profile: 'rfc5280',
    revocation: {
      lists: [{ pem }, { url: 'https://x.example/a' }],
      maxAgeMs: 5,
      onFailure: 'closed',
    },
  })
})

test.each<[string, unknown, Record<string, unknown>?]>([
  ['no list', { lists: [] }],
  ['a list of two kinds', { lists: [{ pem: '', url: 'http://x/' }] }],
  ['a file', { lists: [{ url: 'file:///etc/passwd' }] }],
  ['a user in the url', { lists: [{ url: 'http://a:b@x/' }] }],
  ['another PEM block', { lists: [{ pem: ca.pem }] }],
  ['a list that cannot be read', { lists: [{ pem: listPem(sequence()) }] }],
  ['a list that is too long', { lists: [{ pem: 'x'.repeat(65_537) }] }],
  ['an age of zero', { lists: [{ url: 'http://x/' }], maxAgeMs: 0 }],
  ['another reaction', { lists: [{ url: 'http://x/' }], onFailure: 'maybe' }],
  ['an unknown member', { lists: [{ url: 'http://x/' }], extra: 1 }],
  ['settings that are no object', 'yes'],
  ['any policy', undefined, { policies: ['2.5.29.32.0'] }],
  ['a policy that is no OID', undefined, { policies: ['x'] }],
  ['another profile', undefined, { profile: 'mine' }],
])('refuses a publisher with %s', (_title, revocation, more) => {
  expect(saying(settings(revocation, more))).toThrow(
    expect.objectContaining({ code: 'INVALID_PARAMETER' }),
  )
})

test.each([
  ['closed', 'untrusted', ['crl-missing']],
  ['open', 'trusted', []],
] as const)(
  'a pinned certificate of another issuer is covered by no list: %s',
  async (onFailure, kind, reasons) => {
    const seal = await sealOf(zip, identityOf(leaf), { place: 'detached' })
    const lists = inline({ revoked: [{ serial: 7 }] })
    const document = { ...publisherFromPem(leaf.pem), revocation: { lists, onFailure } }

    const verdict = judgeZip(zip, [publisher(document)], { detached: [seal] })

    expect(verdict.kind).toBe(kind)
    expect(reasonsOf(verdict)).toEqual(reasons)
    if (onFailure === 'open')
      expect(verdict.seals[0]?.unchecked.join()).toContain('covered by no list')
  },
)

const pinnedJudge = async (
  beside: readonly (typeof ca)[],
  of: 'rootsPem' | 'intermediatesPem' | undefined,
  onFailure: RevocationSettings['onFailure'] = 'closed',
) => {
  const pinned = issue({ issuer: ca, serial: 8 })
  const seal = await sealOf(zip, identityOf(pinned, beside), { place: 'detached' })
  return (lists: ReturnType<typeof inline>) => {
    const own = publisherFromPem(pinned.pem) as X509PublisherDocument
    const document = {
      ...own,
      revocation: { lists, onFailure },
      ...(of !== undefined && { [of]: [...own[of], ca.pem] }),
    }
    return reasonsOf(judgeZip(zip, [publisher(document)], { detached: [seal] }))
  }
}

test.each(['rootsPem', 'intermediatesPem'] as const)(
  'looks a pinned certificate up where its issuer is among the %s of the publisher',
  async (of) => {
    const judged = await pinnedJudge([], of)

    expect(judged(inline({ revoked: [{ serial: 8 }] }))).toEqual(['certificate-revoked'])
    expect(judged(inline({}))).toEqual([])
    expect(judged(inline({}, root()))).toContain('crl-signature')
  },
)

test('believes an issuer of a pinned certificate whom only the seal brings what he revokes, and nothing else', async () => {
  const judged = await pinnedJudge([ca], undefined)

  expect(judged(inline({ revoked: [{ serial: 8 }] }))).toEqual(['certificate-revoked', 'crl-missing']) // prettier-ignore
  expect(judged(inline({}))).toEqual(['crl-missing'])
})

test.each(['rootsPem', 'intermediatesPem'] as const)(
  'hears the revocation of a pinned certificate though the seal brings an issuer that signs no lists: %s',
  async (of) => {
    const fake = root({ key: ca.key, keyUsage: 4 })
    const judged = await pinnedJudge([fake], of, 'open')

    expect(judged(inline({ revoked: [{ serial: 8 }] }))).toEqual(['certificate-revoked'])
  },
)

test('asks no list about a pinned certificate that issued itself: nobody revokes it but its publisher', async () => {
  const own = issue({ subject: 'alone' })
  const seal = await sealOf(zip, identityOf(own), { place: 'detached' })
  const document = {
    ...publisherFromPem(own.pem),
    revocation: { lists: inline({}), onFailure: 'closed' as const },
  }

  const verdict = judgeZip(zip, [publisher(document)], { detached: [seal] })

  expect([verdict.kind, reasonsOf(verdict)]).toEqual(['trusted', []])
})
