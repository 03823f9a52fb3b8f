import { sign } from 'node:crypto'

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import {
  sha256,
  type KeySuccession,
  type PublisherDocument,
  type SealReport,
  type Sha256,
} from '../../../services/model/index.ts'
import {
  parsePublisherDocument,
  publisherFromPem,
  successionBytes,
} from '../../../services/trust/index.ts'
import { checkThreshold, distinctSigners } from '../../../services/trust/threshold.ts'
import {
  identityOf,
  issue,
  keyPair,
  openZip,
  publicPem,
  publisher,
  reasonsOf,
  sealOf,
  withSeals,
  type KeyPair,
} from '../../support/pki.ts'
import { judgeZip, saying } from './told.ts'

const zip = await openZip()
const [one, two, three] = [keyPair(), keyPair('p384'), keyPair('ed25519')]
const docOf = (...keys: readonly KeyPair[]): PublisherDocument =>
  publisherFromPem(keys.map(publicPem).join('\n'))
const TWO = { minSigners: 2, minPublishers: 2 }

describe('a threshold of two', () => {
  test('is met by two keys of two publishers', async () => {
    const sealed = await withSeals(zip, [
      await sealOf(zip, identityOf(one)),
      await sealOf(zip, identityOf(two)),
    ])
    const publishers = [
      publisher(docOf(one), { name: 'build' }),
      publisher(docOf(two), { name: 'audit' }),
    ]

    const verdict = judgeZip(sealed, publishers, { requirements: TWO })

    expect(verdict.kind).toBe('trusted')
    expect(distinctSigners(verdict)).toHaveLength(2)
  })

  test('is not met by one seal, and says expected and got', async () => {
    const sealed = await withSeals(zip, [await sealOf(zip, identityOf(one))])

    const verdict = judgeZip(sealed, [publisher(docOf(one))], { requirements: TWO })

    expect(verdict.kind).toBe('untrusted')
    expect(reasonsOf(verdict)).toEqual(['threshold'])
    expect(verdict.findings.find(({ reason }) => reason === 'threshold')).toMatchObject({
      rule: 'mismatch',
      expected: '2 distinct signers, of 2 distinct publishers',
      got: expect.stringContaining('1 distinct signers, of 1 distinct publishers') as string,
    })
  })

  test('counts the same key twice once, also under two publishers and in a certificate', async () => {
    const certificate = issue({ key: one })
    const sealed = await withSeals(zip, [
      await sealOf(zip, identityOf(one), { predicate: { counter: '1' } }),
      await sealOf(zip, identityOf(one), { predicate: { counter: '2' } }),
      await sealOf(zip, identityOf(certificate)),
    ])
    const publishers = [
      publisher(docOf(one), { name: 'build' }),
      publisher(docOf(one), { name: 'audit' }),
      publisher(certificate.pem, { name: 'pki' }),
    ]

    const verdict = judgeZip(sealed, publishers, { requirements: TWO })

    expect(verdict.seals.map(({ outcome }) => outcome)).toEqual(['trusted', 'trusted', 'trusted'])
    expect(reasonsOf(verdict)).toEqual(['threshold'])
    expect(distinctSigners(verdict)).toHaveLength(1)
  })

  test('takes two keys of one publisher as two signers of one publisher', async () => {
    const sealed = await withSeals(zip, [
      await sealOf(zip, identityOf(one)),
      await sealOf(zip, identityOf(two)),
    ])
    const team = publisher(docOf(one, two))
    const judged = (minPublishers: number) =>
      judgeZip(sealed, [team], { requirements: { minSigners: 2, minPublishers } }).kind

    expect([judged(1), judged(2)]).toEqual(['trusted', 'untrusted'])
  })

  test('matches seals to publishers so that as many count as can: not first come, first served', async () => {
    const sealed = await withSeals(zip, [
      await sealOf(zip, identityOf(one)),
      await sealOf(zip, identityOf(two)),
    ])
    // `one` counts for both and would take the only publisher of `two`.
    const publishers = [
      publisher(docOf(one, two), { name: 'shared' }),
      publisher(docOf(one), { name: 'other' }),
    ]

    expect(judgeZip(sealed, publishers, { requirements: TWO }).kind).toBe('trusted')
    expect(judgeZip(sealed, publishers.toReversed(), { requirements: TWO }).kind).toBe('trusted')
  })

  test('does not count a seal by a publisher that the config does not name', async () => {
    const sealed = await withSeals(zip, [
      await sealOf(zip, identityOf(one)),
      await sealOf(zip, identityOf(two)),
    ])
    const publishers = [
      publisher(docOf(one), { name: 'build' }),
      publisher(docOf(two), { name: 'audit', allowed: false }),
    ]

    expect(reasonsOf(judgeZip(sealed, publishers, { requirements: TWO }))).toEqual(['threshold'])
  })

  test('is told of beside what is missing where there is no seal at all', () => {
    const verdict = judgeZip(zip, [publisher(docOf(one))], { requirements: TWO })

    expect(verdict.kind).toBe('unsigned')
    expect(reasonsOf(verdict)).toEqual(['unsigned', 'threshold'])
  })
})

const spkiOf = (key: KeyPair): Sha256 =>
  sha256(key.publicKey.export({ format: 'der', type: 'spki' }))
function succession(from: KeyPair, to: KeyPair, signer = from): KeySuccession {
  const bytes = successionBytes({ predecessor: spkiOf(from), successor: spkiOf(to) })
  const signature = sign(
    signer.privateKey.asymmetricKeyType === 'ed25519' ? null : 'sha256',
    bytes,
    signer.privateKey,
  )
  return {
    predecessorPem: publicPem(from),
    successorPem: publicPem(to),
    signature: signature.toString('base64'),
  }
}
const rotated = (...lineage: readonly KeySuccession[]): PublisherDocument =>
  parsePublisherDocument({ ...docOf(two), lineage })

describe('a lineage of keys', () => {
  test('counts as one signer, signed by the old key or declared', async () => {
    const sealed = await withSeals(zip, [
      await sealOf(zip, identityOf(one)),
      await sealOf(zip, identityOf(two)),
    ])
    const { signature: _, ...declared } = succession(one, two)
    for (const link of [succession(one, two), declared]) {
      const publishers = [
        publisher(docOf(one), { name: 'team', version: 'A'.repeat(10) }),
        publisher(rotated(link), { name: 'team', version: 'B'.repeat(10) }),
      ]
      const requirements = { minSigners: 2, minPublishers: 1 }

      expect(reasonsOf(judgeZip(sealed, publishers, { requirements }))).toEqual(['threshold'])
      expect(judgeZip(sealed, publishers).kind).toBe('trusted')
    }
  })

  test('does not trust the old key in the new version', async () => {
    const sealed = await withSeals(zip, [await sealOf(zip, identityOf(one))])

    const verdict = judgeZip(sealed, [publisher(rotated(succession(one, two)))])

    expect(reasonsOf(verdict)).toEqual(['unknown-signer'])
  })

  test.each<[string, readonly KeySuccession[]]>([
    ['a signature by another key', [succession(one, two, keyPair())]],
    [
      'a signature over another successor',
      [{ ...succession(one, three), successorPem: publicPem(two) }],
    ],
    ['a successor that may not sign', [succession(one, three)]],
    ['two predecessors of one key', [succession(one, two), succession(three, two)]],
    ['a key that follows itself', [succession(two, two)]],
  ])('is refused with %s', (_title, lineage) => {
    expect(saying(() => rotated(...lineage))).toThrow(
      expect.objectContaining({ code: 'INVALID_PARAMETER' }) as Error,
    )
  })
})

test('never counts more signers than keys, nor more publishers than signers or publishers', () => {
  const report = fc
    .tuple(
      fc.integer({ min: 0, max: 4 }),
      fc.uniqueArray(fc.integer({ min: 0, max: 4 }), { minLength: 1 }),
    )
    .map(([key, publishers]): SealReport => {
      const spki = key.toString(16).repeat(64) as Sha256
      const match = {
        publisherId: `p${publishers[0]}`,
        name: 'n',
        version: 'v',
        arn: 'a',
        allowed: true,
      }
      return {
        digest: spki, format: 'bundle', form: 'statement', place: 'block', outcome: 'trusted',
        signer: { id: `key:${spki}`, kind: 'key', spkiSha256: spki, display: 'key' },
        publisher: match, countsFor: publishers.map((one_) => `p${one_}`), trustedTimesMs: [],
        expiresAtMs: undefined, counter: '0', findings: [], unchecked: [],
      } // prettier-ignore
    })
  fc.assert(
    fc.property(fc.array(report, { maxLength: 8 }), (seals) => {
      const keys = new Set(seals.map(({ signer }) => signer?.id)).size
      const publishers = new Set(seals.flatMap(({ countsFor }) => countsFor ?? [])).size
      const counted = distinctSigners({
        kind: 'trusted',
        seals,
        findings: [],
        validUntilMs: undefined,
      })
      const [finding] = checkThreshold(seals, { minSigners: keys + 1, minPublishers: 1 })

      expect(counted.length).toBeLessThanOrEqual(Math.min(keys, publishers))
      expect(finding?.status).toBe('failed')
    }),
  )
})

test('counts a seal of an earlier verdict, which does not say for whom else it counts, for its publisher', () => {
  const spki = 'a'.repeat(64) as Sha256
  const match = { publisherId: 'p', name: 'n', version: 'v', arn: 'a', allowed: true }
  const seal: SealReport = {
    digest: spki, format: 'bundle', form: 'statement', place: 'block', outcome: 'trusted',
    signer: { id: `key:${spki}`, kind: 'key', spkiSha256: spki, display: 'key' },
    publisher: match, trustedTimesMs: [],
    expiresAtMs: undefined, counter: '0', findings: [], unchecked: [],
  } // prettier-ignore
  const [finding] = checkThreshold([seal], { minSigners: 1, minPublishers: 1 })
  expect(finding?.status).toBe('passed')
})

/** A trusted seal by the key of that number, for these publishers. */
function sealBy(key: number, publishers: readonly string[]): SealReport {
  const spki = key.toString(16).repeat(64) as Sha256
  const [first = ''] = publishers
  return {
    digest: spki, format: 'bundle', form: 'statement', place: 'block', outcome: 'trusted',
    signer: { id: `key:${spki}`, kind: 'key', spkiSha256: spki, display: `key ${key}` },
    publisher: { publisherId: first, name: 'n', version: 'v', arn: 'a', allowed: true },
    countsFor: publishers, trustedTimesMs: [],
    expiresAtMs: undefined, counter: '0', findings: [], unchecked: [],
  } // prettier-ignore
}
const signersOf = (seals: readonly SealReport[]): string[] =>
  distinctSigners({ kind: 'trusted', seals, findings: [], validUntilMs: undefined }).map(
    ({ display }) => display,
  )
const statusOf = (seals: readonly SealReport[], minSigners: number, minPublishers: number) =>
  checkThreshold(seals, { minSigners, minPublishers }).map(({ status }) => status)

/** Every way to give signers publishers, one each: the largest. */
function most(signers: readonly (readonly string[])[], taken: readonly string[] = []): number {
  const [first, ...rest] = signers
  if (first === undefined) return taken.length
  const placed = first
    .filter((one) => !taken.includes(one))
    .map((one) => most(rest, [...taken, one]))
  return Math.max(most(rest, taken), ...placed)
}

test('gives as many signers a publisher each as any way of giving does', () => {
  const publishers = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1 })
  fc.assert(
    fc.property(fc.array(publishers, { maxLength: 6 }), (signers) => {
      const seals = signers.map((of, key) => sealBy(key + 1, of))
      const best = most(signers)

      expect(signersOf(seals)).toHaveLength(best)
      expect(statusOf(seals, 0, best)).toEqual(['passed'])
      expect(statusOf(seals, 0, best + 1)).toEqual(['failed'])
      expect(statusOf(seals, signers.length, 0)).toEqual(['passed'])
      expect(statusOf(seals, signers.length + 1, 0)).toEqual(['failed'])
    }),
  )
})

test('moves a signer on to another publisher for one that has no other', () => {
  expect(signersOf([sealBy(1, ['a', 'b']), sealBy(2, ['a'])])).toEqual(['key 1', 'key 2'])
  expect(signersOf([sealBy(1, ['a']), sealBy(2, ['a'])])).toEqual(['key 1'])
})

test('counts a signer for what any of its seals counts for', () => {
  const seals = [sealBy(1, ['a']), sealBy(1, ['b']), sealBy(2, ['a'])]

  expect(signersOf(seals)).toEqual(['key 1', 'key 2'])
  expect(statusOf(seals, 2, 2)).toEqual(['passed'])
})

test('counts two as one that a third links, by whatever name, for all publishers of the three', () => {
  const named = (key: number, lineage: string | undefined, publishers: string[]): SealReport => {
    const seal = sealBy(key, publishers)
    return {
      ...seal,
      signer: seal.signer && { ...seal.signer, ...(lineage && { lineage: lineage as Sha256 }) },
    }
  }
  const linked = [named(1, 'old', ['a']), named(2, 'new', ['b'])]
  const link = { ...named(1, 'new', ['c']) }

  expect(signersOf([...linked, link])).toEqual(['key 1'])
  expect(signersOf([...linked, link, named(3, 'old', ['d'])])).toEqual(['key 1'])
  expect(signersOf([...linked, link, sealBy(4, ['c'])])).toEqual(['key 1', 'key 4'])
})

test.each<[string, Partial<SealReport>]>([
  ['not trusted', { outcome: 'untrusted' }],
  ['of no signer', { signer: undefined }],
  ['of no publisher', { publisher: undefined }],
])('counts no seal that is %s', (_title, change) => {
  const seals = [{ ...sealBy(1, ['a']), ...change }]

  expect(signersOf(seals)).toEqual([])
  expect(checkThreshold(seals, { minSigners: 1, minPublishers: 1 })).toEqual([
    expect.objectContaining({ got: '0 distinct signers, of 0 distinct publishers' }),
  ])
})

test('says who was counted', async () => {
  const [finding] = checkThreshold([sealBy(1, ['a']), sealBy(2, ['b'])], {
    minSigners: 3,
    minPublishers: 2,
  })

  expect(finding).toMatchObject({
    rule: 'mismatch',
    expected: '3 distinct signers, of 2 distinct publishers',
    got: '2 distinct signers, of 2 distinct publishers: key 1, key 2',
  })
  const sealed = await withSeals(zip, [
    await sealOf(zip, identityOf(one)),
    await sealOf(zip, identityOf(two)),
  ])
  expect(judgeZip(sealed, [publisher(docOf(one, two))]).signers).toBe(2)
})
