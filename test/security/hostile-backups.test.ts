import {
  appendFileSync, cpSync, existsSync, linkSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, symlinkSync,
  truncateSync, writeFileSync,
} from 'node:fs' // prettier-ignore
import { execFileSync } from 'node:child_process'
import { dirname, join } from 'node:path'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import {
  databasePath,
  formatManifest,
  parseManifest,
  type BackupManifest,
} from '../../services/backup/manifest.ts'
import { formatHeader } from '../../services/backup/tar.ts'
import { sha256, type Sha256 } from '../../services/model/index.ts'
import { backUpTo, lastCheckpoint, restoreTo } from '../support/backups.ts'
import { createActive } from '../support/functions.ts'
import { tempDir } from '../support/state.ts'
import { tamper } from '../support/tamper.ts'
import { startTestApp, type TestApp } from '../support/app.ts'

/** A backup is foreign input: each case damages a copy of a sound one, and nothing of it may come to be. */
let app: TestApp
const place = tempDir()
const sound = join(place.path, 'sound')
let archive: Buffer
let note: string

beforeAll(async () => {
  app = await startTestApp()
  await createActive(app.client, 'kept', { Publish: true })
  await app.deps.audit.checkpoint()
  await backUpTo(app.dataDir, sound)
  await backUpTo(app.dataDir, join(place.path, 'sound.tar'))
  archive = readFileSync(join(place.path, 'sound.tar'))
  note = lastCheckpoint(app.dataDir)
}, 60_000)
afterAll(async () => {
  await app[Symbol.asyncDispose]()
  place[Symbol.dispose]()
})

const attempt = async (from: string): Promise<unknown> =>
  await restoreTo({ from, dataDir: join(place.path, 'data'), old: app.dataDir, checkpoint: note })

async function expectRefused(from: string, message: RegExp): Promise<void> {
  await expect(attempt(from)).rejects.toMatchObject({
    code: 'INVALID_BACKUP',
    message: expect.stringMatching(message),
  })
  expect(readdirSync(place.path).filter((name) => name.startsWith('data'))).toEqual([])
}

const manifestIn = (dir: string): BackupManifest =>
  parseManifest(readFileSync(join(dir, 'manifest.json')))
const blobIn = (dir: string): string =>
  manifestIn(dir).files.find(({ path }) => path.startsWith('blobs/'))!.path
const databaseIn = (dir: string, name = 'lacre'): string =>
  manifestIn(dir).files.find(({ path }) => path.includes(name))!.path

/** Writes a manifest that is right about what the directory holds now. */
function rewrite(dir: string, change: (manifest: BackupManifest) => object): void {
  const manifest = manifestIn(dir)
  writeFileSync(join(dir, 'manifest.json'), formatManifest({ ...manifest, ...change(manifest) }))
}

/** Changes a database and everything that says what it hashes to. */
function forge(dir: string, name: string, damage: string): void {
  const path = databaseIn(dir, name)
  renameSync(join(dir, path), join(dir, 'databases', 'x.db'))
  tamper(join(dir, 'databases'), damage, 'x.db')
  for (const left of ['x.db-wal', 'x.db-shm']) rmSync(join(dir, 'databases', left), { force: true })
  const bytes = readFileSync(join(dir, 'databases', 'x.db'))
  const digest = sha256(bytes)
  const fresh = databasePath(name as 'lacre', digest)
  renameSync(join(dir, 'databases', 'x.db'), join(dir, fresh))
  rewrite(dir, ({ files }) => ({
    files: files
      .map((file) =>
        file.path === path ? { path: fresh, sizeBytes: bytes.length, sha256: digest } : file,
      )
      .toSorted((a, b) => (a.path < b.path ? -1 : 1)),
  }))
}

type Case = readonly [name: string, damage: (dir: string) => void, message: RegExp]
const cases: readonly Case[] = [
  ['a link for a blob', (dir) => {
    rmSync(join(dir, blobIn(dir)))
    symlinkSync('/etc/passwd', join(dir, blobIn(dir)))
  }, /\(link\)/],
  ['a link for a folder of blobs', (dir) => {
    const folder = dirname(join(dir, blobIn(dir)))
    renameSync(folder, join(place.path, 'elsewhere'))
    symlinkSync(join(place.path, 'elsewhere'), folder)
  }, /\(link\)/],
  ['a link for the manifest', (dir) => {
    renameSync(join(dir, 'manifest.json'), join(place.path, 'other.json'))
    symlinkSync(join(place.path, 'other.json'), join(dir, 'manifest.json'))
  }, /\(link\)/],
  ['a pipe', (dir) => {
    rmSync(join(dir, blobIn(dir)))
    execFileSync('mkfifo', [join(dir, blobIn(dir))])
  }, /special file/],
  ['a directory for a blob', (dir) => {
    rmSync(join(dir, blobIn(dir)))
    mkdirSync(join(dir, blobIn(dir)))
  }, /\(directory\)/],
  ['a file more', (dir) => writeFileSync(join(dir, 'blobs', 'more'), 'x'), /no backup has/],
  ['a folder more', (dir) => mkdirSync(join(dir, 'prepared')), /no backup has/],
  ['a file that is not there', (dir) => rmSync(join(dir, blobIn(dir))), /is not there/],
  ['a blob that is too long', (dir) => appendFileSync(join(dir, blobIn(dir)), 'x'), /the manifest says/],
  ['a blob that was cut off', (dir) => truncateSync(join(dir, blobIn(dir)), 3), /the manifest says/],
  ['no manifest', (dir) => rmSync(join(dir, 'manifest.json')), /manifest/],
  ['an empty manifest', (dir) => writeFileSync(join(dir, 'manifest.json'), ''), /no JSON/],
  ['a manifest that is far too large', (dir) => truncateSync(join(dir, 'manifest.json'), 300_000_000), /too large/],
  ['a blob that no row names', (dir) => {
    const digest = sha256('more')
    mkdirSync(join(dir, 'blobs', digest.slice(0, 2)), { recursive: true })
    writeFileSync(join(dir, 'blobs', digest.slice(0, 2), digest), 'more')
    rewrite(dir, ({ files }) => ({
      files: [...files, { path: `blobs/${digest.slice(0, 2)}/${digest}`, sizeBytes: 4, sha256: digest }].toSorted((a, b) => (a.path < b.path ? -1 : 1)),
    }))
  }, /no row names/],
  ['a blob left out of the manifest', (dir) => rewrite(dir, ({ files }) => ({ files: files.filter(({ path }) => !path.startsWith('blobs')) })), /is not in it/],
  ['no events', (dir) => rewrite(dir, ({ files }) => ({ files: files.filter(({ path }) => !path.includes('events')) })), /no database `events`/],
  ['another size of the ledger', (dir) => rewrite(dir, ({ ledger }) => ({ ledger: { ...ledger, size: 1 } })), /not the one that its manifest/],
  ['a database that is none', (dir) => {
    const digest = sha256('none') as Sha256
    writeFileSync(join(dir, databasePath('lacre', digest)), 'none')
    rewrite(dir, ({ files }) => ({ files: files.map((file) => (file.path === databaseIn(dir) ? { path: databasePath('lacre', digest), sizeBytes: 4, sha256: digest } : file)) }))
  }, /damaged/],
  ['a changed row, the digests made right again', (dir) => forge(dir, 'lacre', `update alias set version = '9'; update function_version set revision_id = 'x'`), /its ledger does not hold/],
  ['a changed entry', (dir) => forge(dir, 'lacre', `update ledger_entry set body = replace(body, 'allow', 'deny') || ' ' where "index" = 1`), /its ledger does not hold/],
  ['a cut ledger', (dir) => forge(dir, 'lacre', 'delete from ledger_entry where "index" > 1'), /its ledger does not hold/],
  ['a table more', (dir) => forge(dir, 'lacre', 'create table more (x)'), /was added/],
  ['a trigger in the events', (dir) => forge(dir, 'events', 'create trigger t after insert on event begin select 1; end'), /none of ours/],
  ['rows of another shape', (dir) => forge(dir, 'lacre', 'drop table sealed_key; create table sealed_key (purpose)'), /backup cannot be used/],
] // prettier-ignore

describe('a directory', () => {
  it.each(cases)('with %s is refused, and leaves nothing', async (name, damage, message) => {
    using copy = tempDir()
    const dir = join(copy.path, 'b')
    cpSync(sound, dir, { recursive: true })
    damage(dir)

    await expectRefused(dir, message)
    expect(name).not.toBe('')
  })

  it('left by a killed backup is used for what its manifest names, and no more', async () => {
    using copy = tempDir()
    const dir = join(copy.path, 'b')
    cpSync(sound, dir, { recursive: true })
    const digest = sha256('half')
    mkdirSync(join(dir, 'blobs', digest.slice(0, 2)), { recursive: true })
    writeFileSync(join(dir, 'blobs', digest.slice(0, 2), digest), 'ha')
    mkdirSync(join(dir, 'unfinished'))
    linkSync(join(dir, 'manifest.json'), join(dir, 'unfinished', 'x'))

    const report = (await attempt(dir)) as { passedOver: string[] }

    expect(report.passedOver).toEqual([`blobs/${digest.slice(0, 2)}/${digest}`])
    expect(existsSync(join(place.path, 'data', 'blobs', digest.slice(0, 2)))).toBe(false)
    rmSync(join(place.path, 'data'), { recursive: true })
  })

  it('has no byte that can be changed without being found', async () => {
    using copy = tempDir()
    const dir = join(copy.path, 'b')
    cpSync(sound, dir, { recursive: true })
    const files = [...manifestIn(dir).files.map(({ path }) => path), 'manifest.json']
    let seed = 1
    for (let round = 0; round < 40; round += 1) {
      const path = join(dir, files[round % files.length]!)
      const bytes = readFileSync(path)
      const changed = Buffer.from(bytes)
      seed = (seed * 48_271) % 2_147_483_647
      const at = seed % bytes.length
      changed[at] = (changed[at] ?? 0) ^ (1 << (round % 8))
      writeFileSync(path, changed)
      await expectRefused(dir, /./)
      writeFileSync(path, bytes)
    }
  })
})

describe('an archive', () => {
  const headerAt = (at: number): Buffer => archive.subarray(at, at + 512)
  const withHeader = (change: (header: Buffer) => void): Buffer => {
    const bytes = Buffer.from(archive)
    const header = bytes.subarray(0, 512)
    change(header)
    header.fill(32, 148, 156)
    const sum = header.reduce((all, byte) => all + byte, 0)
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
    return bytes
  }
  const first = (): Buffer => {
    const size = Number.parseInt(headerAt(0).toString('latin1', 124, 135), 8)
    return archive.subarray(0, 512 + size + ((512 - (size % 512)) % 512))
  }
  const more = (path: string): Buffer =>
    Buffer.concat([formatHeader({ path, sizeBytes: 0 }), archive])
  it.each<readonly [string, () => Buffer, RegExp]>([
    ['a link', () => withHeader((header) => header.write('2', 156)), /\(link\)/],
    ['a hard link', () => withHeader((header) => header.write('1', 156)), /\(link\)/],
    ['a device', () => withHeader((header) => header.write('3', 156)), /\(device\)/],
    ['a directory', () => withHeader((header) => header.write('5', 156)), /\(directory\)/],
    ['an extension', () => withHeader((header) => header.write('x', 156)), /\(unknown\)/],
    ['an owner', () => withHeader((header) => header.write('0000001', 108)), /header/],
    ['a prefix', () => withHeader((header) => header.write('..', 345)), /header/],
    ['a path outside', () => more('../outside'), /no backup has/],
    ['an absolute path', () => more('/etc/cron.d/x'), /no backup has/],
    ['a name twice', () => Buffer.concat([first(), archive]), /twice/],
    ['a file more', () => more(`blobs/ff/${'f'.repeat(64)}`), /does not name/],
    ['a size that lies', () => withHeader((header) => header.write('77777777777', 124)), /ends within/],
    ['no end', () => archive.subarray(0, -1024), /cut off/],
    ['half an end', () => archive.subarray(0, -512), /does not end/],
    ['something behind the end', () => Buffer.concat([archive, Buffer.alloc(512, 1)]), /does not end/],
    ['nothing', () => Buffer.alloc(0), /cut off/],
    ['another format', () => Buffer.alloc(2048, 7), /no archive/],
  ])('with %s is refused, and leaves nothing', async (_, make, message) => {
    using copy = tempDir()
    writeFileSync(join(copy.path, 'x.tar'), make())

    await expectRefused(join(copy.path, 'x.tar'), message)
  }) // prettier-ignore

  it('has no byte that can be changed without being found', async () => {
    using copy = tempDir()
    let seed = 7
    for (let round = 0; round < 40; round += 1) {
      seed = (seed * 48_271) % 2_147_483_647
      const changed = Buffer.from(archive)
      const at = seed % archive.length
      changed[at] = (changed[at] ?? 0) ^ (1 << (round % 8))
      writeFileSync(join(copy.path, 'x.tar'), changed)
      await expectRefused(join(copy.path, 'x.tar'), /./)
    }
  })
})
