import { join } from 'node:path'

import { afterAll, expect, it } from 'vitest'

import {
  cancelPublisherVersion,
  insertPublisher,
  insertPublisherVersion,
  insertRevocation,
  listPublishers,
  parsePublisherName,
  resolveAllowedPublishers,
  revocations,
  trustedPublishers,
} from '../../../services/catalog/index.ts'
import { parsePlace, publisherVersionArn, sha256 } from '../../../services/model/index.ts'
import { openStore, type Store } from '../../../services/store/index.ts'
import { tempDir } from '../../support/state.ts'

const place = parsePlace('000000000000', 'us-east-1')
const directory = tempDir()
const store: Store = await openStore({ path: join(directory.path, 'lacre.db') })
afterAll(async () => {
  await store.close()
  directory[Symbol.dispose]()
})

const document = '{"kind":"key"}'
await store.transaction(async (tx) => {
  for (const [name, versions] of [
    ['beta', ['BBBBBBBBB1']],
    ['alpha', ['AAAAAAAAA1', 'AAAAAAAAA2']],
  ] as const) {
    await insertPublisher(tx, { id: `pub-${name}`, name, kind: 'key', createdAtMs: 1 })
    for (const [at, version] of versions.entries()) {
      await insertPublisherVersion(tx, {
        publisherId: `pub-${name}`,
        version,
        document,
        digest: sha256(document),
        createdAtMs: at,
      })
    }
  }
})
const arn = publisherVersionArn(place, 'alpha', 'AAAAAAAAA1')

it('lists publishers by name, versions oldest first', async () => {
  const listed = await listPublishers(store.reader, place)

  expect(listed.map((one) => [one.name, one.versions.map((version) => version.version)])).toEqual([
    ['alpha', ['AAAAAAAAA1', 'AAAAAAAAA2']],
    ['beta', ['BBBBBBBBB1']],
  ])
})

it('marks as allowed exactly the versions that a config names, and tells of the others', async () => {
  const named = await trustedPublishers(store.reader, place, new Set([arn]))
  const none = await trustedPublishers(store.reader, place, new Set())
  const all = await trustedPublishers(store.reader, place, 'all')

  expect(named.filter((one) => one.allowed).map((one) => one.arn)).toEqual([arn])
  expect([named, none, all].map((one) => one.length)).toEqual([3, 3, 3])
  expect(none.some((one) => one.allowed)).toBe(false)
  expect(all.every((one) => one.allowed)).toBe(true)
})

it.each([
  ['a version that exists', arn, 'pub-alpha'],
  ['no version', 'arn:aws:signer:us-east-1:000000000000:/signing-profiles/alpha', null],
  ['an unknown version', publisherVersionArn(place, 'alpha', 'AAAAAAAAA9'), null],
  ['an unknown name', publisherVersionArn(place, 'gamma', 'AAAAAAAAA1'), null],
  ['another account', arn.replace('000000000000', '111111111111'), null],
  ['another region', arn.replace('us-east-1', 'eu-west-1'), null],
  ['a name in other letters', arn.replace('alpha', 'ALPHA'), null],
])('resolves an ARN with %s', async (_what, text, publisherId) => {
  const [resolved] = await resolveAllowedPublishers(store.reader, place, [text])

  expect(resolved).toMatchObject({ arn: text, publisherId })
})

it('cancels one version and no other', async () => {
  await store.transaction((tx) =>
    cancelPublisherVersion(tx, { publisherId: 'pub-alpha', version: 'AAAAAAAAA2' }),
  )

  const [alpha] = await listPublishers(store.reader, place)
  expect(alpha?.versions.map((version) => version.status)).toEqual(['Active', 'Canceled'])
})

it('counts the earliest effective time of a target, and refuses a later one', async () => {
  const insert = async (id: string, effectiveAtMs: number): Promise<void> =>
    await store.transaction((tx) =>
      insertRevocation(tx, {
        id,
        targetKind: 'key',
        target: 'ab',
        effectiveAtMs,
        recordedAtMs: 9,
        reason: 'lost',
      }),
    )
  await insert('rev-1', 100)
  await insert('rev-2', 50)

  await expect(insert('rev-3', 75)).rejects.toMatchObject({ code: 'RESOURCE_CONFLICT' })
  await expect(insert('rev-4', 50)).rejects.toMatchObject({ code: 'RESOURCE_CONFLICT' })
  expect(await revocations(store.reader)).toMatchObject([{ target: 'ab', effectiveAtMs: 50 }])
})

it.each(['a', 'a-b', 'a b', 'abc\n', 'ä_b', '', 'x'.repeat(65)])('refuses the name %j', (name) => {
  expect(() => parsePublisherName(name)).toThrowError(/is not 2 to 64/)
})
