import fc from 'fast-check'
import { expect, test } from 'vitest'

import { entryContent, unsealedSource, withSealBlock } from '../../../services/artifact/index.ts'
import { sha256, type ByteSource } from '../../../services/model/index.ts'
import { buildZip, sealBlockOf, zipOf } from '../../support/zip-builder.ts'
import { open, read, ruleOf } from './open.ts'

const entries = [{ name: 'a.js', content: 'content', method: 8 }]
const plain = buildZip({ entries, end: { comment: Buffer.from('a comment') } })
const payload = Buffer.from('{"seal":1}')
const block = sealBlockOf([{ id: 1, payload }])
const bytesOf = (source: ByteSource): Uint8Array => source.read(0, source.sizeBytes)
const sized = (length: number): Buffer => Buffer.alloc(length, 'x')
/** The block with some of its bytes replaced. */
const patched = (at: number, bytes: Uint8Array): Buffer => {
  const copy = Buffer.from(block)
  copy.set(bytes, at)
  return copy
}

test('signs the same bytes with and without a block, and uploads others', async () => {
  const unsealed = await open(plain)
  const sealed = await open(Buffer.from(bytesOf(withSealBlock(unsealed, block))))

  expect(sealed.sealBlock).toEqual({ offset: 30 + 4 + 9, length: block.length })
  expect(sealed.sha256).toBe(unsealed.sha256)
  expect(sealed.tree).toBe(unsealed.tree)
  expect(sealed.codeSha256).not.toBe(unsealed.codeSha256)
  expect(sealed.codeSha256).toBe(sha256(bytesOf(sealed.source)))
  expect(sha256(bytesOf(unsealedSource(sealed)))).toBe(sealed.sha256)
})

test('reads the entries behind a block as those before', async () => {
  const sealed = await open(Buffer.from(bytesOf(withSealBlock(await open(plain), block))))
  const [entry] = sealed.entries

  expect(entry?.path).toBe('a.js')
  if (entry !== undefined)
    expect((await read(entryContent(sealed, entry))).toString()).toBe('content')
})

test('inserts, replaces and removes blocks as byte-exact inverses', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.uint8Array({ maxLength: 200 }), {
        minKeys: 1,
      }),
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { minLength: 1, maxLength: 16 }),
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { minLength: 1, maxLength: 16 }),
      async (files, first, second) => {
        const original = zipOf(files)
        const one = sealBlockOf(first.map((bytes) => ({ id: 1, payload: bytes })))
        const two = sealBlockOf(second.map((bytes) => ({ id: 2, payload: bytes })))

        const sealed = await open(Buffer.from(bytesOf(withSealBlock(await open(original), one))))
        const resealed = await open(Buffer.from(bytesOf(withSealBlock(sealed, two))))
        const direct = withSealBlock(await open(original), two)

        expect(bytesOf(resealed.source)).toEqual(Buffer.from(bytesOf(direct)))
        expect(Buffer.from(bytesOf(unsealedSource(resealed)))).toEqual(original)
        expect(Buffer.from(bytesOf(withSealBlock(sealed, undefined)))).toEqual(original)
      },
    ),
    { numRuns: 50 },
  )
})

test('reads any range of a composed source', async () => {
  const composed = withSealBlock(await open(plain), block)
  const whole = Buffer.from(bytesOf(composed))

  for (const [offset, length] of [
    [0, 0],
    [5, 1],
    [40, 20],
    [0, whole.length],
    [whole.length, 0],
  ] as const)
    expect(Buffer.from(composed.read(offset, length))).toEqual(
      whole.subarray(offset, offset + length),
    )
  expect(() => composed.read(-1, 1)).toThrow(RangeError)
  expect(() => composed.read(0, whole.length + 1)).toThrow(RangeError)
})

test('leaves a zip without a block as it is', async () => {
  const artifact = await open(plain)

  expect(withSealBlock(artifact, undefined)).toBe(artifact.source)
})

test('accepts 16 seals, and a block of exactly one MiB', async () => {
  const pairs = Array.from({ length: 16 }, () => ({ id: 1, payload }))
  const full = [sized(262_144), sized(262_144), sized(262_144), sized(1_048_576 - 3 * 262_144 - 80)]

  const many = buildZip({ entries, gap: sealBlockOf(pairs) })
  const large = buildZip({
    entries,
    gap: sealBlockOf(full.map((bytes) => ({ id: 1, payload: bytes }))),
  })

  expect(await ruleOf(many)).toBe('accepted')
  expect((await open(large)).sealBlock?.length).toBe(1_048_576)
})

test.each([
  [
    'is larger than one MiB',
    sealBlockOf([...Array(4)].map(() => ({ id: 1, payload: sized(262_144) }))),
  ],
  ['holds a seal larger than 256 KiB', sealBlockOf([{ id: 1, payload: sized(262_145) }])],
  ['holds 17 seals', sealBlockOf(Array.from({ length: 17 }, () => ({ id: 1, payload })))],
  ['is empty', sealBlockOf([])],
  ['has another first size', patched(0, Buffer.from([1]))],
  ['has another second size', patched(block.length - 24, Buffer.from([1]))],
  ['has a pair that runs over its end', patched(8, Buffer.from([255]))],
  ['has a pair that ends too soon', patched(8, Buffer.from([12]))],
  ['has a pair without an id', patched(8, Buffer.from([3]))],
  ['has bytes after the last pair', sealBlockOf([{ id: 1, payload: sized(3) }]).fill(4, 8, 9)],
])('refuses a block that %s', async (_title, bad) => {
  expect(await ruleOf(buildZip({ entries, gap: bad }))).toBe('zip.seal-block')
})

test.each([
  ['two blocks', Buffer.concat([block, block]), 'zip.seal-block'],
  ['a byte before the block', Buffer.concat([Buffer.from('x'), block]), 'zip.seal-block'],
  ['a byte after the block', Buffer.concat([block, Buffer.from('x')]), 'zip.unclaimed-bytes'],
  ['a block without its magic', patched(block.length - 1, Buffer.from('x')), 'zip.unclaimed-bytes'],
])('refuses %s', async (_title, gap, rule) => {
  expect(await ruleOf(buildZip({ entries, gap }))).toBe(rule)
})

test('does not take a block for one that stands elsewhere', async () => {
  const before = buildZip({ entries: [{ ...entries[0], name: 'a.js', gapBefore: block }] })
  const inside = buildZip({ entries: [{ name: 'a.js', content: block }] })

  expect(await ruleOf(before)).toBe('zip.leading-bytes')
  expect((await open(inside)).sealBlock).toBeUndefined()
})
