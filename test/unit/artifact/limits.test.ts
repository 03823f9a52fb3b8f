import { expect, test } from 'vitest'

import { openArtifact, parseEntryPath } from '../../../services/artifact/index.ts'
import { buildZip, extraField } from '../../support/zip-builder.ts'
import { openSpec, ruleOf } from './open.ts'

test('refuses a file larger than any zip of ours before it reads it', async () => {
  const source = {
    sizeBytes: 268_435_457,
    read: () => {
      throw new Error('read')
    },
  }

  await expect(openArtifact(source)).rejects.toMatchObject({ detail: { rule: 'zip.too-large' } })
})

test('refuses a central directory larger than names can need', async () => {
  const extra = extraField(0xd935, Buffer.alloc(60_000))
  const entries = Array.from({ length: 280 }, (_, at) => ({ name: `${at}`, central: { extra } }))

  expect(await ruleOf(buildZip({ entries }))).toBe('zip.directory-size')
})

test('refuses more directories than entries are allowed', async () => {
  const entries = Array.from({ length: 300 }, (_, at) => ({ name: `${at}/${'d/'.repeat(240)}f` }))

  expect(await ruleOf(buildZip({ entries }))).toBe('zip.entry-count')
})

test('opens 5,000 entries of which each directory holds some', async () => {
  const entries = Array.from({ length: 5_000 }, (_, at) => ({ name: `d${at % 100}/${at}.js` }))

  expect(await openSpec({ entries })).toMatchObject({ entryCount: 5_000, unzippedBytes: 0 })
})

test('reads no more than two MiB at once, whatever the size of an entry', async () => {
  const bytes = buildZip({ entries: [{ name: 'a', content: Buffer.alloc(9_000_000, 'abc') }] })
  let largest = 0

  await openArtifact({
    sizeBytes: bytes.length,
    read(offset, length) {
      largest = Math.max(largest, length)
      return bytes.subarray(offset, offset + length)
    },
  })

  expect(largest).toBeLessThanOrEqual(2_097_152)
})

test('gives nothing of an entry beyond its promised size', async () => {
  const bytes = buildZip({
    entries: [
      { name: 'a', method: 8, content: Buffer.alloc(4_000_000), both: { sizeBytes: 1_100_000 } },
    ],
  })

  expect(await ruleOf(bytes)).toBe('zip.size')
})

test('refuses a descriptor that the file has no room for', async () => {
  const entry = {
    name: 'a',
    method: 8,
    descriptor: 'signed',
    descriptorBytes: Buffer.from('PK\x07\x08'),
  } as const

  expect(await ruleOf(buildZip({ entries: [entry] }))).toBe('zip.descriptor')
})

test('refuses a descriptor whose CRC looks like its signature', async () => {
  // Four bytes computed so that their CRC-32 is 0x08074b50.
  const content = Buffer.from('ac0a7ad5', 'hex')

  expect(
    await ruleOf(
      buildZip({ entries: [{ name: 'a', content, method: 8, descriptor: 'unsigned' }] }),
    ),
  ).toBe('zip.descriptor')
})

test('cuts a long name in its sentence', async () => {
  await expect(openSpec({ entries: [{ name: `${'x'.repeat(250)}/..` }] })).rejects.toThrow(
    /^the name `x{200}…`/,
  )
})

test('parses a name as a path', () => {
  expect(parseEntryPath('a/b/')).toEqual({ path: 'a/b', isDirectory: true })
})
