import { expect, test } from 'vitest'

import {
  canonicalJson,
  sha256,
  type Decision,
  type Facts,
  type Json,
  type Verdict,
} from '../../../services/model/index.ts'
import { accept } from '../../../services/trust/index.ts'
import {
  identityOf,
  keyPair,
  openZip,
  publicPem,
  publisher,
  sealOf,
  withSeals,
} from '../../support/pki.ts'
import { judgeZip, saying } from './told.ts'

const key = keyPair()
const zip = await openZip()
const artifact = await withSeals(zip, [await sealOf(zip, identityOf(key))])
const verdict = judgeZip(artifact, [publisher(publicPem(key))])
const held = { identity: artifact, source: artifact.source }

const facts: Facts = {
  v: 1,
  at: '2026-06-01T00:00:00.000Z',
  world: 1,
  validUntil: null,
  principal: { id: 'usr-1', kind: 'user', name: 'admin', roles: [], claims: {} },
  action: 'lambda:UpdateFunctionCode',
  resource: 'arn',
  release: null,
  change: { from: null, to: null },
  subjects: [
    {
      kind: 'function',
      arn: 'arn',
      codeSha256: artifact.codeSha256,
      sha256: artifact.sha256,
      tree: artifact.tree,
      verdict,
    },
  ],
  signingConfig: null,
  isolation: 'full',
  loaderVariables: [],
  noteworthyPaths: [],
}

function decision(change: Partial<Decision> = {}): Decision {
  return {
    id: 'dec-01ARZ3NDEKTSV4RRFFQ69G5FAV',
    at: facts.at,
    outcome: 'allow',
    checks: [],
    policySet: { version: 'default@1', determining: [] },
    factsDigest: sha256('lacre facts v1\0', canonicalJson(facts as unknown as Json)),
    world: 1,
    ...change,
  }
}

test('makes an accepted artifact of a judged one and the decision that admits it', () => {
  const accepted = accept(held, verdict, decision(), facts)

  expect(accepted.decisionId).toBe('dec-01ARZ3NDEKTSV4RRFFQ69G5FAV')
  expect(accepted.identity.codeSha256).toBe(artifact.codeSha256)
  expect(Object.isFrozen(accepted)).toBe(true)
})

test('refuses tampered, whatever the decision says', () => {
  const tampered: Verdict = { ...verdict, kind: 'tampered' }
  const lying: Verdict = {
    ...verdict,
    seals: [
      ...verdict.seals,
      ...verdict.seals.map((seal) => ({ ...seal, outcome: 'tampered' as const })),
    ],
  }

  expect(saying(() => accept(held, tampered, decision(), facts))).toThrow(
    'changed after it was sealed',
  )
  expect(saying(() => accept(held, lying, decision(), facts))).toThrow(
    'changed after it was sealed',
  )
})

test.each<[string, Partial<Decision>]>([
  ['denies', { outcome: 'deny' }],
  ['allows and refuses at once', { refusal: 'POLICY_DENIED' }],
  ['has no id', { id: '' }],
  ['was made on other facts', { factsDigest: sha256('other') }],
])('refuses a decision that %s', (_title, change) => {
  expect(saying(() => accept(held, verdict, decision(change), facts))).toThrow(
    expect.objectContaining({ code: 'POLICY_DENIED' }) as Error,
  )
})

test.each<[string, Partial<Facts['subjects'][number]>]>([
  ['other unsealed bytes', { sha256: sha256('other') }],
  ['other sealed bytes', { codeSha256: sha256('other') }],
  ['another tree', { tree: sha256('other') }],
  ['another verdict', { verdict: { ...verdict, kind: 'untrusted' } }],
])('refuses facts, whole and decided on, of %s', (_title, change) => {
  const other = { ...facts, subjects: facts.subjects.map((one) => ({ ...one, ...change })) }
  const factsDigest = sha256('lacre facts v1\0', canonicalJson(other as unknown as Json))

  expect(saying(() => accept(held, verdict, decision({ factsDigest }), other))).toThrow(
    expect.objectContaining({
      code: 'POLICY_DENIED',
      publicMessage: 'the decision was made about something else',
      decisionId: decision().id,
    }) as Error,
  )
})

test('says which of the two locks refused', () => {
  const tampered: Verdict = { ...verdict, kind: 'tampered' }
  const refusedBy = (judged: Verdict, change: Partial<Decision>): unknown => {
    try {
      return accept(held, judged, decision(change), facts)
    } catch (error) {
      const { code, publicMessage } = error as { code: string; publicMessage: string }
      return [code, publicMessage]
    }
  }

  expect(refusedBy(tampered, {})).toEqual([
    'INVALID_CODE_SIGNATURE',
    'the artifact was changed after it was sealed',
  ])
  expect(refusedBy(verdict, { outcome: 'deny' })).toEqual([
    'POLICY_DENIED',
    'the decision refuses the artifact',
  ])
  expect(refusedBy(verdict, { id: 'x-dec-1' })).toEqual(['POLICY_DENIED', 'the decision has no id'])
})

test('refuses facts about another artifact, and other bytes than were judged', async () => {
  const other = { ...facts, subjects: [] }
  const digest = sha256('lacre facts v1\0', canonicalJson(other as unknown as Json))

  expect(saying(() => accept(held, verdict, decision({ factsDigest: digest }), other))).toThrow(
    'something else',
  )
  expect(
    saying(() => accept({ identity: artifact, source: zip.source }, verdict, decision(), facts)),
  ).toThrow(
    expect.objectContaining({
      code: 'POLICY_DENIED',
      publicMessage: 'the bytes are not those that were judged',
    }) as Error,
  )
})
