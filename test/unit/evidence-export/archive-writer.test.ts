import { expect, it } from 'vitest'

import {
  ArchiveWriter,
  type ArchiveSink,
} from '../../../services/evidence-export/archive-writer.ts'
import { PlatformError } from '../../../services/model/index.ts'
import { unpack } from '../../support/evidence-archive.ts'

const SMALL_FILES = 20
const STREAMED = Buffer.alloc(200_000, 'a line of the range that is as long as it is\n')

/** A disk with room for so many writes. */
function diskOf(writes: number): ArchiveSink & { readonly chunks: Uint8Array[] } {
  const chunks: Uint8Array[] = []
  return {
    chunks,
    write: async (chunk) => {
      await new Promise((resolve) => setImmediate(resolve))
      if (chunks.length >= writes) throw new PlatformError('OUT_OF_SPACE', 'no space is left')
      chunks.push(Buffer.from(chunk))
    },
  }
}

async function addAll(writer: ArchiveWriter): Promise<void> {
  for (let at = 0; at < SMALL_FILES; at += 1) await writer.add(`${at}.txt`, `small file ${at}`)
  await writer.addStream('range.jsonl', piecesOf(STREAMED))
}

// oxlint-disable-next-line require-await -- archives take asynchronous pieces
async function* piecesOf(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 10_000) yield bytes.subarray(at, at + 10_000)
}

async function writesOfAll(): Promise<Uint8Array[]> {
  const disk = diskOf(Infinity)
  const writer = new ArchiveWriter(disk, 0)
  await addAll(writer)
  await writer.finish()
  return disk.chunks
}

it('writes what is read again', async () => {
  const files = await unpack(Buffer.concat(await writesOfAll()))

  expect(files.size).toBe(SMALL_FILES + 1)
  expect(files.get('range.jsonl')).toEqual(STREAMED)
})

it('says that the disk is full, at whichever write it is, and nothing of it is left unhandled', async () => {
  const writes = (await writesOfAll()).length
  const outcomes: string[] = []
  for (let room = 0; room < writes; room += 1) {
    const writer = new ArchiveWriter(diskOf(room), 0)
    try {
      await addAll(writer)
      outcomes.push('added')
      await writer.finish()
      outcomes.push('finished')
    } catch (error) {
      outcomes.push(error instanceof PlatformError ? error.code : String(error))
    }
    await writer.abort()
  }

  expect(outcomes.filter((one) => one === 'OUT_OF_SPACE')).toHaveLength(writes)
  expect(outcomes).not.toContain('finished')
  // Some of it while entries were added, some of it when the archive was finished.
  expect(outcomes).toContain('added')
  expect(outcomes[0]).toBe('OUT_OF_SPACE')
})

it('ends where what is added fails half way', async () => {
  const writer = new ArchiveWriter(diskOf(Infinity), 0)
  // oxlint-disable-next-line require-await -- archives take asynchronous pieces
  async function* cutOff(): AsyncGenerator<Uint8Array> {
    yield STREAMED
    throw new PlatformError('LEDGER_BROKEN', 'an entry cannot be read')
  }

  await expect(writer.addStream('range.jsonl', cutOff())).rejects.toThrow('cannot be read')

  await writer.abort()
})
