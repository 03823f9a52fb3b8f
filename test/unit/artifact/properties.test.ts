import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'

import { ZipArchive } from 'archiver'
import fc from 'fast-check'
import { expect, test } from 'vitest'

import { entryContent } from '../../../services/artifact/index.ts'
import { PlatformError } from '../../../services/model/index.ts'
import { buildZip, sealBlockOf, zipOf } from '../../support/zip-builder.ts'
import { open, read } from './open.ts'

const segment = fc
  .stringMatching(/^[a-zA-Z0-9_\-é ü]{1,12}$/)
  .filter((text) => text.normalize('NFC') === text)
const path = fc
  .array(segment, { minLength: 1, maxLength: 3 })
  .map((parts) => `d/${parts.join('/')}.f`)
const tree = fc.dictionary(path, fc.uint8Array({ maxLength: 400 }), { maxKeys: 8 })

test('reads back from archiver exactly the files that went in', async () => {
  await fc.assert(
    fc.asyncProperty(tree, fc.boolean(), fc.boolean(), async (files, store, streamed) => {
      const archive = new ZipArchive({ store })
      for (const [name, content] of Object.entries(files)) {
        const bytes = Buffer.from(content)
        archive.append(streamed && !store ? Readable.from([bytes]) : bytes, { name })
      }
      const done = buffer(archive)
      await archive.finalize()

      const artifact = await open(await done)

      const got = new Map<string, Buffer>()
      for (const entry of artifact.entries)
        got.set(entry.path, await read(entryContent(artifact, entry)))
      expect(got).toEqual(
        new Map(Object.entries(files).map(([name, content]) => [name, Buffer.from(content)])),
      )
    }),
    { numRuns: 60 },
  )
})

test('refuses any changed byte, or sees another artifact', async () => {
  const bytes = buildZip({
    entries: [
      { name: 'bin/', mode: 0o040755 },
      { name: 'bin/run', content: 'run run run', mode: 0o100755, method: 8, descriptor: 'signed' },
      { name: 'link', content: 'bin/run', mode: 0o120777 },
      { name: 'plain.js', content: 'exports.handler = 1' },
    ],
    gap: sealBlockOf([{ id: 1, payload: Buffer.from('{}') }]),
    end: { comment: Buffer.from('comment') },
  })
  const original = await open(bytes)

  for (let at = 0; at < bytes.length; at += 1) {
    for (const mask of [0x01, 0x80, 0xff]) {
      const changed = Buffer.from(bytes)
      changed[at] = (changed[at] ?? 0) ^ mask
      const artifact = await open(changed).catch((error: unknown) => {
        if (error instanceof PlatformError && error.code === 'INVALID_ARTIFACT') return undefined
        throw error
      })
      expect(artifact?.codeSha256).not.toBe(original.codeSha256)
      const inBlock =
        original.sealBlock !== undefined &&
        at >= original.sealBlock.offset &&
        at < original.sealBlock.offset + original.sealBlock.length
      // Inside the block a change leaves what is signed alone: there `seal` judges.
      if (!inBlock) expect(artifact?.sha256).not.toBe(original.sha256)
    }
  }
})

test('refuses any cut, and any byte put in between', async () => {
  const bytes = zipOf({ 'a.js': 'content content content', 'b/c.js': 'x' })

  for (let at = 0; at < bytes.length; at += 1) {
    const inserted = Buffer.concat([bytes.subarray(0, at), Buffer.from([0x50]), bytes.subarray(at)])
    await expect(open(bytes.subarray(0, at))).rejects.toThrow(PlatformError)
    await expect(open(inserted)).rejects.toThrow(PlatformError)
  }
})

test('answers noise and broken zips with typed errors alone', async () => {
  const good = zipOf({ 'a.js': 'content', 'b.js': 'more' })
  const mutation = fc.record({ at: fc.nat(good.length - 1), value: fc.nat(255) })

  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.uint8Array({ maxLength: 200 }),
        fc.array(mutation, { minLength: 1, maxLength: 12 }).map((mutations) => {
          const bytes = Buffer.from(good)
          for (const { at, value } of mutations) bytes[at] = value
          return bytes
        }),
      ),
      async (bytes) => {
        const error: unknown = await open(bytes).then(
          () => undefined,
          (reason: unknown) => reason,
        )
        expect(error === undefined || error instanceof PlatformError).toBe(true)
      },
    ),
    { numRuns: 1_500 },
  )
})
