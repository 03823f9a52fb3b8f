import { mkdir, statfs } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'

import { checkAgainst, isByKnownKey, openOutside, verifyDirectory } from '../audit/index.ts'
import { BlobDirectory, onDisk } from '../blobs/index.ts'
import { namedBlobs } from '../catalog/index.ts'
import { findUnopenable, type MasterKey } from '../keys/index.ts'
import { parseCheckpoint } from '../ledger/index.ts'
import { PlatformError, toIsoTime, type Clock, type Random, type Sha256 } from '../model/index.ts'
import { checkFile, checkSchema, openReader, refuseNewer, type Reader } from '../store/index.ts'
import {
  invalidBackup,
  manifestDigest,
  parsePath,
  type BackupFile,
  type BackupManifest,
  type DatabaseName,
} from './manifest.ts'
import { writeRestored } from './restored.ts'
import { openBackup, type OpenedBackup } from './source.ts'
import { openStage } from './stage.ts'

export interface RestoreOptions {
  /** A directory or file that `lacre backup` wrote. */
  readonly from: string
  /** Where the data directory is to be; not there yet, or empty. */
  readonly dataDir: string
  /** Under which names it has its databases. */
  readonly databases: Readonly<Record<DatabaseName, string>>
  readonly clock: Clock
  readonly random: Random
  /** What sealed the secrets in the backup; it opens them, or nothing is restored. */
  readonly masterKey: MasterKey
  /** The last checkpoint that was kept elsewhere, a C2SP signed note. */
  readonly checkpoint: string | undefined
  /** Whether to go on where the ledger does not extend that checkpoint: nothing serves it until it was begun anew. */
  readonly newEpoch: boolean
  /** Who restores, for the ledger. */
  readonly by: string
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void
}

export interface RestoreReport {
  readonly digest: Sha256
  readonly manifest: BackupManifest
  readonly checkpointSize: number
  /** Otherwise the service refuses to start until `lacre ledger new-epoch`. */
  readonly extendsCheckpoint: boolean
  /** Files beside the backup that its manifest does not name. */
  readonly passedOver: readonly string[]
}

/**
 * Makes a data directory of a backup: everything is verified in a directory beside it, which then becomes it at once.
 * The first start writes into the ledger that it was restored.
 * @throws PlatformError INVALID_BACKUP, LEDGER_BROKEN (it does not extend the checkpoint), CONFIGURATION (master key, newer
 * version), RESOURCE_CONFLICT (the place is taken), INVALID_PARAMETER, OUT_OF_SPACE
 */
export async function restore(options: RestoreOptions): Promise<RestoreReport> {
  const note = checkpointOf(options)
  await using backup = await openBackup(options.from)
  const { manifest } = backup
  await using stage = await openStage(options.dataDir, options.random)
  await refuseTooLarge(manifest, dirname(resolve(options.dataDir)))
  const outside = openOutside(stage.dir)
  if (manifest.ledger.checkpoint !== null) await outside.write(manifest.ledger.checkpoint)
  await copyAll(backup, stage.dir, options)
  const { checkpointSize, extendsCheckpoint } = await verify(stage.dir, { manifest, note, options })
  // The larger one is the one that was signed last: nothing smaller is ever signed again. One that is not extended keeps
  // the service from starting, and is what the first entry of the next ledger quotes.
  if (!extendsCheckpoint || isLater(note, manifest.ledger)) await outside.write(note)
  const digest = manifestDigest(manifest)
  await writeRestored(stage.dir, {
    id: Buffer.from(options.random.bytes(16)).toString('hex'),
    at: toIsoTime(options.clock.nowMs()),
    by: options.by,
    backup: digest,
    backedUpAt: manifest.createdAt,
    ledgerSize: manifest.ledger.size,
    ledgerRoot: manifest.ledger.root,
    checkpointSize,
    damaged: manifest.damaged.length,
  })
  await stage.become()
  return { digest, manifest, checkpointSize, extendsCheckpoint, passedOver: backup.passedOver }
}

/**
 * RULES §6: a restored ledger extends the last checkpoint kept elsewhere, or begins a new epoch whose first entry quotes
 * it. Without one, entries that were answered for could be missing and nobody would see it.
 */
function checkpointOf({ checkpoint }: RestoreOptions): string {
  if (checkpoint === undefined)
    throw new PlatformError(
      'INVALID_PARAMETER',
      'give --checkpoint with the last checkpoint that was kept elsewhere: a backup alone cannot show that it is the newest',
    )
  parseCheckpoint(checkpoint)
  return checkpoint
}

/** One of a ledger that ended before is not later, however large it is. */
function isLater(note: string, { origin, checkpoint }: BackupManifest['ledger']): boolean {
  if (checkpoint === null) return true
  const kept = parseCheckpoint(note)
  return kept.origin === origin && kept.size > parseCheckpoint(checkpoint).size
}

/** A disk that is full in the middle is found as well; this says so before anything is copied. */
async function refuseTooLarge({ files }: BackupManifest, parent: string): Promise<void> {
  const { bavail, bsize } = await onDisk(() => statfs(parent))
  const wanted = files.reduce((sum, file) => sum + file.sizeBytes, 0)
  if (wanted <= bavail * bsize) return
  throw new PlatformError(
    'OUT_OF_SPACE',
    `the backup has ${wanted} bytes, \`${parent}\` has room for ${bavail * bsize}`,
  )
}

async function copyAll(
  backup: OpenedBackup,
  dir: string,
  { databases, onProgress }: RestoreOptions,
): Promise<void> {
  const { files } = backup.manifest
  const blobs = new BlobDirectory(dir)
  const total = files.reduce((sum, file) => sum + file.sizeBytes, 0)
  let done = 0
  const onBytes = (bytes: number): void => onProgress?.((done += bytes), total)
  for (const file of files) {
    const to = placeOf(file, { dir, databases, blobs })
    await onDisk(() => mkdir(dirname(to), { recursive: true, mode: 0o700 }))
    await backup.copyOut(file, to, onBytes)
  }
}

function placeOf(
  file: BackupFile,
  into: Pick<RestoreOptions, 'databases'> & {
    readonly dir: string
    readonly blobs: BlobDirectory
  },
): string {
  const parsed = parsePath(file.path)
  if (parsed === undefined) throw invalidBackup(`no backup has a file \`${file.path}\``)
  return parsed.kind === 'blob'
    ? into.blobs.pathOf(parsed.digest)
    : join(into.dir, into.databases[parsed.name])
}

interface Against {
  readonly manifest: BackupManifest
  readonly note: string
  readonly options: RestoreOptions
}

/** Everything that can be known of the copy, and whether it extends the checkpoint. */
async function verify(
  dir: string,
  against: Against,
): Promise<Pick<RestoreReport, 'checkpointSize' | 'extendsCheckpoint'>> {
  const { lacre } = against.options.databases
  try {
    await verifyContent(dir, against)
  } catch (cause) {
    // Rows of a hostile file may be of any shape, and a query over them end in any way.
    if (cause instanceof PlatformError && cause.code !== 'LEDGER_BROKEN') throw cause
    const what = cause instanceof PlatformError ? cause.message : 'its databases cannot be read'
    throw invalidBackup(what, cause)
  }
  await using db = openReader(join(dir, lacre))
  const checkpointSize = parseCheckpoint(against.note).size
  try {
    await checkAgainst(db, against.note)
    return { checkpointSize, extendsCheckpoint: true }
  } catch (error) {
    const isBroken = error instanceof PlatformError && error.code === 'LEDGER_BROKEN'
    if (!isBroken || !against.options.newEpoch) throw error
    // What nobody here signed shows nothing, and would be quoted for ever.
    if (!(await isByKnownKey(db, against.note)))
      throw new PlatformError(
        'LEDGER_BROKEN',
        'the checkpoint is by no ledger key that the backup has: give one that the ledger signed, of before its key was rotated where that is newer than the backup',
        { cause: error },
      )
    return { checkpointSize, extendsCheckpoint: false }
  }
}

async function verifyContent(dir: string, against: Against): Promise<void> {
  const { manifest, options } = against
  for (const name of ['lacre', 'events'] as const) {
    if (!manifest.files.some(({ path }) => path.startsWith(`databases/${name}-`)))
      throw invalidBackup(`it has no database \`${name}\``)
    const [wrong] = checkFile(join(dir, options.databases[name]))
    if (wrong !== undefined) throw invalidBackup(`its database \`${name}\` is damaged: ${wrong}`)
  }
  await using events = openReader(join(dir, options.databases.events))
  await refuseNewer(events, 'events')
  const [other] = await checkSchema(events, 'events')
  if (other !== undefined) throw invalidBackup(`its database \`events\` is none of ours: ${other}`)
  await using db = openReader(join(dir, options.databases.lacre))
  await refuseNewer(db)
  await verifyLedgerOf(dir, against)
  await compareBlobs(db, manifest)
  const unopenable = await findUnopenable(db, options.masterKey)
  if (unopenable.length > 0)
    throw invalidBackup(`the master key does not open ${unopenable.slice(0, 3).join(', ')}`)
}

async function verifyLedgerOf(dir: string, { manifest, options }: Against): Promise<void> {
  const { lacre: database } = options.databases
  const report = await verifyDirectory({ dataDir: dir, database })
  const [finding] = report.findings
  if (finding !== undefined) throw invalidBackup(`its ledger does not hold: ${finding.message}`)
  const { size, root, origin } = manifest.ledger
  if (report.size !== size || report.root !== root || (report.origin ?? '') !== origin)
    throw invalidBackup('its ledger is not the one that its manifest tells of')
}

/** Every blob that a row names is there, or said to be damaged, and no other. */
async function compareBlobs(db: Reader, manifest: BackupManifest): Promise<void> {
  const sizes = new Map(
    manifest.files.flatMap(({ path, sizeBytes }) => {
      const parsed = parsePath(path)
      return parsed?.kind === 'blob' ? [[parsed.digest, sizeBytes] as const] : []
    }),
  )
  const named = await namedBlobs(db)
  const damaged = new Set(manifest.damaged)
  for (const [digest, sizeBytes] of named) {
    if (damaged.has(digest) || sizes.get(digest) === sizeBytes) continue
    throw invalidBackup(`the blob \`${digest}\` is not in it`)
  }
  for (const digest of sizes.keys())
    if (!named.has(digest)) throw invalidBackup(`no row names its blob \`${digest}\``)
}
