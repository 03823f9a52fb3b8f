import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  rmdirSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import type { BlobFile } from '../../../services/blobs/blob-directory.ts'
import { openBlobs } from '../../../services/blobs/index.ts'
import {
  bufferSource,
  sha256,
  type AcceptedArtifact,
  type Sha256,
} from '../../../services/model/index.ts'
import { tempDir } from '../../support/state.ts'

/** `trust.accept` alone makes one; a test of the folder below stands in for it. */
function accepted(bytes: Uint8Array, codeSha256: Sha256 = sha256(bytes)): AcceptedArtifact {
  const identity = { codeSha256, sha256: codeSha256, tree: codeSha256, sizeBytes: bytes.length }
  return {
    identity: { ...identity, unzippedBytes: 0, entryCount: 0 },
    source: bufferSource(bytes),
    decisionId: 'dec-1',
  } as unknown as AcceptedArtifact
}

const bytesOf = (size: number): Buffer => Buffer.alloc(size, 'abcdefg')
const pathOf = (dir: string, digest: Sha256): string =>
  join(dir, 'blobs', digest.slice(0, 2), digest)

describe('keeping a blob', () => {
  it('gives back the bytes that were put, under their digest, to their owner alone', async () => {
    using dir = tempDir()
    const blobs = openBlobs(dir.path)
    const bytes = bytesOf(700_001)
    const digest = sha256(bytes)

    await blobs.put(accepted(bytes))

    using source = blobs.open(digest)
    expect(source.sizeBytes).toBe(bytes.length)
    expect(Buffer.from(source.read(0, bytes.length)).equals(bytes)).toBe(true)
    expect(Buffer.from(source.read(699_999, 2)).toString()).toBe(bytes.toString('latin1', 699_999))
    expect(statSync(pathOf(dir.path, digest)).mode & 0o777).toBe(0o600)
    expect(await blobs.has(digest)).toBe(true)
    expect(await blobs.examine(digest)).toBe('sound')
    expect(readdirSync(join(dir.path, 'blobs', 'temporary'))).toEqual([])
    const all: string[] = []
    for await (const { digest: name } of blobs.list()) all.push(String(name))
    expect(all).toEqual([digest])
  })

  it('keeps nothing where the bytes are not those that were checked', async () => {
    using dir = tempDir()
    const blobs = openBlobs(dir.path)
    const checked = sha256('other')

    const attempt = blobs.put(accepted(bytesOf(10), checked))

    await expect(attempt).rejects.toMatchObject({ code: 'INVALID_ARTIFACT' })
    expect(await blobs.has(checked)).toBe(false)
    expect(readdirSync(join(dir.path, 'blobs', 'temporary'))).toEqual([])
  })

  it('leaves a sound blob alone and replaces a damaged one', async () => {
    using dir = tempDir()
    const blobs = openBlobs(dir.path)
    const bytes = bytesOf(100)
    const path = pathOf(dir.path, sha256(bytes))
    await blobs.put(accepted(bytes))
    const { ino } = statSync(path)

    await blobs.put(accepted(bytes))
    expect(statSync(path).ino).toBe(ino)
    writeFileSync(path, bytesOf(99))
    expect(await blobs.examine(sha256(bytes))).toBe('damaged')
    await blobs.put(accepted(bytes))

    expect(readFileSync(path).equals(bytes)).toBe(true)
  })

  it('calls unreadable what the disk does not give back, lists the rest, and replaces it', async () => {
    using dir = tempDir()
    const blobs = openBlobs(dir.path)
    const [bytes, other] = [bytesOf(100), bytesOf(101)]
    const digest = sha256(bytes)
    await blobs.put(accepted(bytes))
    await blobs.put(accepted(other))
    const path = pathOf(dir.path, digest)
    rmSync(path)
    symlinkSync(path, path)
    const shard = sha256(other).startsWith('00') ? '01' : '00'
    symlinkSync(shard, join(dir.path, 'blobs', shard))

    const listed: BlobFile[] = []
    for await (const file of blobs.list()) listed.push(file)
    expect(await blobs.examine(digest)).toBe('unreadable')
    expect(await blobs.examine(sha256('none'))).toBe('missing')
    expect(listed.flatMap((file) => (file.unreadable === true ? [file.path] : []))).toEqual([shard])
    expect(listed.flatMap((file) => file.digest ?? [])).toEqual([sha256(other)])
    await blobs.put(accepted(bytes))
    expect(await blobs.examine(digest)).toBe('sound')
  })

  it('may be asked for the same blob many times at once', async () => {
    using dir = tempDir()
    const blobs = openBlobs(dir.path)
    const bytes = bytesOf(300_000)

    await Promise.all(Array.from({ length: 8 }, () => blobs.put(accepted(bytes))))

    expect(await blobs.examine(sha256(bytes))).toBe('sound')
  })
})

describe('opening a blob', () => {
  it('says which one is missing', () => {
    using dir = tempDir()
    const digest = sha256('none')

    expect(() => openBlobs(dir.path).open(digest)).toThrow(digest)
  })

  it('follows no link', () => {
    using dir = tempDir()
    const blobs = openBlobs(dir.path)
    const digest = sha256('x')
    mkdirSync(join(dir.path, 'blobs', digest.slice(0, 2)))
    writeFileSync(join(dir.path, 'elsewhere'), 'x')
    symlinkSync(join(dir.path, 'elsewhere'), pathOf(dir.path, digest))

    expect(() => blobs.open(digest)).toThrow(/ELOOP/)
  })

  it('reads nothing outside the file, and nothing once let go', async () => {
    using dir = tempDir()
    const blobs = openBlobs(dir.path)
    await blobs.put(accepted(bytesOf(10)))
    const source = blobs.open(sha256(bytesOf(10)))

    expect(() => source.read(5, 6)).toThrow(RangeError)
    expect(() => source.read(-1, 1)).toThrow(RangeError)
    source[Symbol.dispose]()
    source[Symbol.dispose]()
    expect(() => source.read(0, 1)).toThrow(/disposed/)
  })

  it('notices a file that became shorter', async () => {
    using dir = tempDir()
    const blobs = openBlobs(dir.path)
    await blobs.put(accepted(bytesOf(10)))
    using source = blobs.open(sha256(bytesOf(10)))
    writeFileSync(source.path, 'abc')

    expect(() => source.read(0, 10)).toThrow(/shorter/)
  })
})

describe('temporary files', () => {
  it('are not dropped before their request ends, however old', async () => {
    using dir = tempDir()
    const blobs = openBlobs(dir.path)
    await using temp = await blobs.createTemp()
    const left = join(dir.path, 'blobs', 'temporary', 'left')
    writeFileSync(left, 'x')
    for (const path of [temp.path, left]) utimesSync(path, 1, 1)

    expect(await blobs.expireTemporary(Number.MAX_SAFE_INTEGER)).toBe(1)
    expect([existsSync(temp.path), existsSync(left)]).toEqual([true, false])
  })

  it('are gone when let go, and with the next start', async () => {
    using dir = tempDir()
    const blobs = openBlobs(dir.path)
    let path = ''
    {
      await using temp = await blobs.createTemp()
      await temp.write(bytesOf(5))
      await temp.write(bytesOf(3))
      path = temp.path
      using source = temp.source()
      expect(temp.sizeBytes).toBe(8)
      expect(Buffer.from(source.read(0, 8)).toString()).toBe('abcdeabc')
      expect(statSync(path).mode & 0o777).toBe(0o600)
    }
    expect(existsSync(path)).toBe(false)

    writeFileSync(join(dir.path, 'blobs', 'temporary', 'left'), 'x')
    openBlobs(dir.path)
    expect(readdirSync(join(dir.path, 'blobs', 'temporary'))).toEqual([])
  })
})

it('a temporary file that cannot be taken away fails nobody, and is left for later', async () => {
  using dir = tempDir()
  const blobs = openBlobs(dir.path)
  let path = ''
  {
    await using temp = await blobs.createTemp()
    path = temp.path
    unlinkSync(path)
    mkdirSync(path)
    utimesSync(path, 1, 1)
    expect(await blobs.expireTemporary(Number.MAX_SAFE_INTEGER)).toBe(0)
  }

  expect(existsSync(path)).toBe(true)
  rmdirSync(path)
  writeFileSync(path, 'x')
  expect(await blobs.expireTemporary(Number.MAX_SAFE_INTEGER)).toBe(1)
})

describe('raw uploads', () => {
  it('are staged under their digest until dropped or too old', async () => {
    using dir = tempDir()
    const blobs = openBlobs(dir.path)
    const stage = async (text: string): Promise<Sha256> => {
      await using temp = await blobs.createTemp()
      await temp.write(Buffer.from(text))
      await blobs.stage(temp, sha256(text))
      return sha256(text)
    }
    const [a, b, c] = [await stage('a'), await stage('b'), await stage('c')]
    utimesSync(join(dir.path, 'staging', b), 1, 1)

    using source = blobs.openStaged(a)
    expect(Buffer.from(source?.read(0, 1) ?? []).toString()).toBe('a')
    expect(await blobs.expireStaged(2_000)).toBe(1)
    expect(blobs.openStaged(b)).toBeUndefined()
    await blobs.dropStaged(c)
    await blobs.dropStaged(c)
    expect(blobs.openStaged(c)).toBeUndefined()
    expect(readdirSync(join(dir.path, 'staging'))).toEqual([a])
  })
})

/** A file system of 1 MiB, where this user may mount one. */
function smallDisk(path: string): Disposable | undefined {
  try {
    mkdirSync(path)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', path], { stdio: 'ignore' })
    return { [Symbol.dispose]: () => void execFileSync('umount', [path]) }
  } catch {
    return undefined
  }
}

describe('a full disk', () => {
  it('is a typed error, leaves nothing half written, and is recovered from', async (context) => {
    using dir = tempDir()
    const path = join(dir.path, 'small')
    using disk = smallDisk(path)
    if (disk === undefined) return context.skip('no file system can be mounted here')
    const blobs = openBlobs(path)
    const big = bytesOf(2_000_000)

    await expect(blobs.put(accepted(big))).rejects.toMatchObject({ code: 'OUT_OF_SPACE' })
    expect(readdirSync(join(path, 'blobs', 'temporary'))).toEqual([])
    expect(await blobs.has(sha256(big))).toBe(false)
    await blobs.put(accepted(bytesOf(100_000)))

    expect(await blobs.examine(sha256(bytesOf(100_000)))).toBe('sound')
  })
})
