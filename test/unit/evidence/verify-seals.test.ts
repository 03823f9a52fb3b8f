import { expect, it } from 'vitest'

import { unsealedSource } from '../../../services/artifact/index.ts'
import type { EvidenceContents, EvidenceRow } from '../../../services/evidence/contents.ts'
import { Findings } from '../../../services/evidence/findings.ts'
import type { ProvenDecision } from '../../../services/evidence/verify-decisions.ts'
import { SealCheck } from '../../../services/evidence/verify-seals.ts'
import {
  canonicalJson,
  toIsoTime,
  type Json,
  type SealInput,
  type TrustedPublisher,
} from '../../../services/model/index.ts'
import { publisherFromPem } from '../../../services/trust/index.ts'
import {
  AT_MS,
  identityOf,
  issue,
  judgeZip,
  keyPair,
  openZip,
  publicPem,
  publisher,
  root,
  sealOf,
} from '../../support/pki.ts'
import { listPem, revocationList } from '../../support/revocation-data.ts'

const URL_OF_LIST = 'http://lists.example.org/ca.crl'
const DAY_MS = 86_400_000
const zip = await openZip()

/** What is said of an archive whose one decision took this seal to be trusted by the first of these publishers. */
async function findingsOf(
  seal: SealInput,
  then: readonly TrustedPublisher[],
  inside: readonly TrustedPublisher[],
  more: {
    readonly fetched?: Uint8Array
    readonly revocations?: readonly EvidenceRow[]
  } = {},
): Promise<readonly string[]> {
  const { fetched, revocations = [] } = more
  const verdict = judgeZip(zip, then, {
    detached: [seal],
    ...(fetched && {
      revocationLists: [{ url: URL_OF_LIST, der: fetched, fetchedAtMs: AT_MS - 1 }],
    }),
  })
  expect(verdict.kind).toBe('trusted')
  const place = { account: '000000000000', region: 'us-east-1' }
  const contents = {
    head: { scope: { place } },
    rows: [artifactRow, ...inside.flatMap(rowsOf), ...revocations],
    seals: [
      {
        path: 'seals/x',
        of: zip.sha256,
        place: 'detached',
        format: seal.format,
        bytes: seal.bytes,
      },
    ],
    attestations: [],
  } as unknown as EvidenceContents
  const subject = {
    kind: 'function',
    arn: 'arn:aws:lambda:us-east-1:000000000000:function:checkout',
    codeSha256: zip.codeSha256,
    sha256: zip.sha256,
    tree: zip.tree,
    verdict,
  }
  const decision = {
    decision: { id: 'dec-1', outcome: 'allow' },
    facts: { at: toIsoTime(AT_MS), subjects: [subject], signingConfig: null },
    entry: { index: 50 },
  } as unknown as ProvenDecision
  const findings = new Findings()
  const check = new SealCheck(contents, findings, {
    pinned: { keys: new Set(), trustedRoot: undefined },
    unsealed: () => unsealedSource(zip),
  })
  check.check(decision)
  check.finish()
  return findings.list.map(({ message }) => message.replace(/[0-9a-f]{64}/, 'DIGEST'))
}

const artifactRow: EvidenceRow = {
  table: 'artifact',
  index: 1,
  row: { code_sha256: zip.codeSha256, sha256: zip.sha256, tree: zip.tree },
}

const rowsOf = (one: TrustedPublisher): EvidenceRow[] => [
  { table: 'publisher', index: 2, row: { id: one.id, name: one.name } },
  {
    table: 'publisher_version',
    index: 3,
    row: {
      publisher_id: one.id,
      version: one.version,
      status: one.status,
      created_at: one.createdAtMs,
      document: canonicalJson(one.document as unknown as Json),
    },
  },
]

const ca = root()
const leaf = issue({ issuer: ca, serial: 7 })
const listed = (...lists: ({ readonly url: string } | { readonly pem: string })[]) =>
  publisher({ ...publisherFromPem(ca.pem), revocation: { lists, onFailure: 'closed' } } as never)
const listOf = (serial?: number) =>
  revocationList(ca, {
    thisUpdateMs: AT_MS - DAY_MS,
    nextUpdateMs: AT_MS + DAY_MS,
    revoked: serial === undefined ? [] : [{ serial, atMs: AT_MS - DAY_MS }],
  })
const cms = await sealOf(zip, identityOf(leaf), { place: 'detached' })
const DOES_NOT_COUNT =
  'dec-1, arn:aws:lambda:us-east-1:000000000000:function:checkout: seal DIGEST does not count by the publishers and revocations inside'

it('verifies a seal but for lists that were fetched', async () => {
  const by = listed({ url: URL_OF_LIST })

  expect(await findingsOf(cms, [by], [by], { fetched: listOf() })).toEqual([])
})

it('finds a seal whose certificate was revoked here, though its publisher has lists that were fetched', async () => {
  const by = listed({ url: URL_OF_LIST })
  const revocation: EvidenceRow = {
    table: 'revocation',
    index: 4,
    row: {
      id: 'rev-1',
      target_kind: 'publisher',
      target: by.id,
      effective_at: AT_MS - DAY_MS,
      recorded_at: AT_MS - DAY_MS,
      reason: 'left',
    },
  }

  const found = await findingsOf(cms, [by], [by], { fetched: listOf(), revocations: [revocation] })

  expect(found).toEqual([DOES_NOT_COUNT])
})

it('finds a seal that a list of the document itself speaks against', async () => {
  const by = listed({ url: URL_OF_LIST })
  const inside = listed({ url: URL_OF_LIST }, { pem: listPem(listOf(7)) })

  expect(await findingsOf(cms, [by], [inside], { fetched: listOf() })).toEqual([DOES_NOT_COUNT])
})

const key = keyPair()
const sealed = await sealOf(zip, identityOf(key), { place: 'detached' })
const version = (name: string, createdAtMs = AT_MS - DAY_MS) =>
  publisher(publicPem(key), { version: name, createdAtMs })

it.each([
  ['AAAAAAAAAA', 'BBBBBBBBBB'],
  ['BBBBBBBBBB', 'AAAAAAAAAA'],
])(
  'takes a key of two versions to be of the one that the decision names: %s, not %s',
  async (one, other) => {
    const both = [version(one), version(other)]

    expect(await findingsOf(sealed, both, both)).toEqual([])
    expect(await findingsOf(sealed, both, both.toReversed())).toEqual([])
  },
)

it('finds a decision that names a version which was made only later', async () => {
  const later = version('BBBBBBBBBB', AT_MS + DAY_MS)

  // By a key that nobody had yet a signature cannot be brought into the form that its digest is of: found or not, it is told.
  expect(await findingsOf(sealed, [later], [later])).toEqual([
    expect.stringMatching(
      /is not by whom the decision took it to be|is not inside, or was changed/,
    ),
  ])
})
