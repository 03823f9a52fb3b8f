import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'

import { readStand } from '../audit/index.ts'
import { BlobDirectory } from '../blobs/index.ts'
import { namedBlobs } from '../catalog/index.ts'
import { sealingKeys } from '../keys/index.ts'
import { PlatformError, toIsoTime, type Clock, type Random, type Sha256 } from '../model/index.ts'
import { checkFile, copyDatabases, keepFiles, openReader } from '../store/index.ts'
import { hashStretch, openRegular } from './files.ts'
import {
  blobPath,
  databasePath,
  manifestDigest,
  type BackupFile,
  type BackupManifest,
  type DatabaseName,
} from './manifest.ts'
import { openTarTarget } from './tar-target.ts'
import { openDirectoryTarget, refuseNested, type BackupTarget } from './target.ts'

/** Told from time to time; `done` of `total` are bytes, or pages of databases. */
export type OnProgress = (phase: 'databases' | 'blobs', done: number, total: number) => void

export interface BackupOptions {
  readonly dataDir: string
  /** The files of the databases in it. */
  readonly databases: Readonly<Record<DatabaseName, string>>
  /** A directory, new, empty or with an earlier backup; or a file that ends in `.tar`, written anew. */
  readonly out: string
  readonly clock: Clock
  readonly random: Random
  /** Leaves out blobs that are damaged, gone or unreadable, and says so in the manifest; without it there is no backup then. */
  readonly withoutDamaged?: boolean
  readonly onProgress?: OnProgress
}

interface Amount {
  readonly files: number
  readonly bytes: number
}

export interface BackupReport {
  /** Of the manifest: what to keep elsewhere to know the backup again. */
  readonly digest: Sha256
  readonly manifest: BackupManifest
  readonly copied: Amount
  /** Already there from an earlier backup. */
  readonly reused: Amount
}

/**
 * Backs a data directory up, also while it is in use: both databases as they were at one instant, and every blob that
 * they name. The backup that was there before stays whole until this one is.
 * @throws PlatformError CONFIGURATION (no service's data), INVALID_PARAMETER (a place where no backup can be written),
 * LEDGER_BROKEN (a damaged database or, unless left out, blob), OUT_OF_SPACE, DATA_DIRECTORY_IN_USE, UNAVAILABLE
 */
export async function backUp(options: BackupOptions): Promise<BackupReport> {
  const { dataDir, out, clock, random } = options
  if (!existsSync(options.databases.lacre))
    throw new PlatformError('CONFIGURATION', `\`${dataDir}\` is no data directory of a service`)
  refuseNested(dataDir, out)
  // What the databases name at the instant of their copies is there until the end.
  using _kept = keepFiles(dataDir)
  await using target = out.endsWith('.tar')
    ? await openTarTarget(out)
    : await openDirectoryTarget(out, random)
  const work = new Work(target, options)
  const createdAt = toIsoTime(clock.nowMs())
  const copies = await work.copyDatabases()
  const { blobs, ...facts } = await readFacts(copies.lacre)
  await work.keepDatabases(copies)
  await work.keepBlobs(blobs)
  const manifest: BackupManifest = {
    v: 1,
    kind: 'lacre backup',
    createdAt,
    ...facts,
    damaged: work.damaged,
    files: work.files.toSorted((a, b) => (a.path < b.path ? -1 : 1)),
  }
  await target.finish(manifest)
  const { copied, reused } = work
  return { digest: manifestDigest(manifest), manifest, copied, reused }
}

/** What the manifest says of the databases, from the copies themselves. */
async function readFacts(path: string): Promise<
  Pick<BackupManifest, 'place' | 'ledger' | 'masterKeys'> & {
    readonly blobs: ReadonlyMap<Sha256, number>
  }
> {
  await using db = openReader(path)
  const place = await db
    .selectFrom('setting')
    .select('value')
    .where('name', '=', 'place')
    .executeTakeFirst()
  if (place === undefined)
    throw new PlatformError('CONFIGURATION', 'the service was never started on this data directory')
  return {
    place: place.value,
    ledger: await readStand(db),
    masterKeys: await sealingKeys(db),
    blobs: await namedBlobs(db),
  }
}

type Copies = Readonly<Record<'lacre', string>> & Partial<Record<DatabaseName, string>>

class Work {
  readonly files: BackupFile[] = []
  readonly damaged: Sha256[] = []
  copied: Amount = { files: 0, bytes: 0 }
  reused: Amount = { files: 0, bytes: 0 }
  readonly #target: BackupTarget
  readonly #options: BackupOptions

  constructor(target: BackupTarget, options: BackupOptions) {
    this.#target = target
    this.#options = options
  }

  async copyDatabases(): Promise<Copies> {
    const { databases, onProgress } = this.#options
    const copies = Object.values(databases)
      .filter((from) => existsSync(from))
      .map((from) => ({ from, to: join(this.#target.scratch, basename(from)) }))
    await copyDatabases(copies, (done, total) => onProgress?.('databases', done, total))
    for (const { to } of copies) {
      const [wrong] = checkFile(to, 'quick_check')
      if (wrong === undefined) continue
      const message = `the database \`${basename(to)}\` is damaged`
      throw new PlatformError('LEDGER_BROKEN', message, { detail: { found: wrong } })
    }
    const toOf = (from: string): string | undefined => copies.find((copy) => copy.from === from)?.to
    const events = toOf(databases.events)
    return {
      lacre: toOf(databases.lacre) ?? '',
      ...(events !== undefined && { events }),
    }
  }

  async keepDatabases(copies: Copies): Promise<void> {
    for (const [name, from] of Object.entries(copies)) {
      const opened = await openRegular(from)
      if (opened === undefined) throw new PlatformError('INTERNAL', `\`${from}\` is no file`)
      const digest = await hashStretch({ ...opened, offset: 0 })
      await opened.handle.close()
      const path = databasePath(name as DatabaseName, digest)
      const file = { path, sizeBytes: opened.sizeBytes, sha256: digest }
      if (!(await this.#keep(file, from)))
        throw new PlatformError('LEDGER_BROKEN', `the copy of \`${name}.db\` cannot be read again`)
    }
  }

  async keepBlobs(blobs: ReadonlyMap<Sha256, number>): Promise<void> {
    const source = new BlobDirectory(this.#options.dataDir)
    const total = [...blobs.values()].reduce((all, size) => all + size, 0)
    let done = 0
    for (const [digest, sizeBytes] of blobs) {
      // Where the blob is damaged, gone or unreadable the backup before may still have it.
      const file = { path: blobPath(digest), sizeBytes, sha256: digest }
      if (!(await this.#keep(file, source.pathOf(digest)))) this.#leaveOut(digest)
      done += sizeBytes
      this.#options.onProgress?.('blobs', done, total)
    }
  }

  async #keep(file: BackupFile, from: string): Promise<boolean> {
    const added = (to: Amount): Amount => ({
      files: to.files + 1,
      bytes: to.bytes + file.sizeBytes,
    })
    if (await this.#target.hasSound(file)) this.reused = added(this.reused)
    else if (await this.#target.put(file, from)) this.copied = added(this.copied)
    else return false
    this.files.push(file)
    return true
  }

  #leaveOut(digest: Sha256): void {
    if (this.#options.withoutDamaged !== true)
      throw new PlatformError(
        'LEDGER_BROKEN',
        `the blob \`${digest}\` is damaged, gone or unreadable: deploy the same bytes again, or back up \`--without-damaged\``,
        { detail: { blob: digest } },
      )
    this.damaged.push(digest)
  }
}
