// One byte is flipped in a blob, a row, a policy, an alias or a leaf of a stopped service's directory.
import { cpSync, existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { join } from 'node:path'

import {
  CreateAliasCommand,
  PublishVersionCommand,
  UpdateAliasCommand,
  waitUntilPublishedVersionActive,
} from '@aws-sdk/client-lambda'
import Database from 'better-sqlite3'

import { governedTables, verifyDirectory } from '../../services/audit/index.ts'
import { TILE_WIDTH } from '../../services/ledger/index.ts'
import { PlatformError } from '../../services/model/index.ts'
import { createActive } from '../support/functions.ts'
import { startService } from '../support/service.ts'
import { tempDir } from '../support/state.ts'
import { tamper } from '../support/tamper.ts'
import { Seeded } from './seeded.ts'

const TABLES = {
  row: Object.keys(governedTables),
  policy: ['document', 'policy_set'],
  alias: ['alias'],
  leaf: ['ledger_entry', 'ledger_node', 'ledger_head'],
} as const
const KEY_TAKEN = /^SQLITE_CONSTRAINT_(PRIMARYKEY|UNIQUE|ROWID)$/
const KINDS = ['blob', 'row', 'policy', 'alias', 'leaf'] as const

export async function torture({ n, seed }: { n: number; seed: number }): Promise<number> {
  const random = new Seeded(seed)
  using ground = tempDir()
  await prepare(ground.path)
  let failed = 0
  if (!(await isSound(ground.path))) failed += fail('the untouched directory is not sound')
  const counts = new Map<string, number>()
  for (let done = 0; done < n; done += 1) {
    const kind = KINDS[done % KINDS.length] ?? 'row'
    using dir = tempDir()
    cpSync(ground.path, dir.path, { recursive: true })
    const what = kind === 'blob' ? flipBlob(dir.path, random) : flipRow(dir.path, kind, random)
    if (await isSound(dir.path)) failed += fail(`${kind}: ${what}`)
    counts.set(kind, (counts.get(kind) ?? 0) + 1)
  }
  for (const [kind, count] of counts) console.log(`${kind.padEnd(8)} ${count}`)
  console.log(`tamper: ${n} done, ${failed} failed (seed ${seed})`)
  return failed
}

function fail(message: string): 1 {
  console.log(`FAILED not found: ${message}`)
  return 1
}

async function prepare(dir: string): Promise<void> {
  await using service = await startService({ data: dir })
  const client = service.client()
  const FunctionName = 'flip'
  await createActive(client, FunctionName)
  await client.send(new PublishVersionCommand({ FunctionName }))
  const waited = { client, maxWaitTime: 60 }
  await waitUntilPublishedVersionActive(waited, { FunctionName, Qualifier: '1' })
  await client.send(new CreateAliasCommand({ FunctionName, Name: 'live', FunctionVersion: '1' }))
  // So many that a tile is full: its nodes are rows, too.
  for (let at = 0; at < TILE_WIDTH; at += 1)
    await client.send(new UpdateAliasCommand({ FunctionName, Name: 'live', Description: `${at}` }))
  client.destroy()
}

function flipped(bytes: Buffer, random: Seeded): Buffer {
  const at = random.integer(0, bytes.length - 1)
  const copy = Buffer.from(bytes)
  copy.writeUInt8(copy.readUInt8(at) ^ (1 << random.integer(0, 7)), at)
  return copy
}

function blobsOf(dir: string): string[] {
  const blobs = join(dir, 'blobs')
  if (!existsSync(blobs)) return []
  return readdirSync(blobs, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /^[0-9a-f]{64}$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
}

function flipBlob(dir: string, random: Seeded): string {
  const path = random.pick(blobsOf(dir))
  writeFileSync(path, flipped(readFileSync(path), random))
  return path
}

/** A value of the table is another by one bit, as whoever has the file may leave it. */
function flipRow(dir: string, kind: keyof typeof TABLES, random: Seeded): string {
  let what = ''
  tamper(dir, (db) => {
    db.pragma('foreign_keys = OFF')
    db.pragma('ignore_check_constraints = ON')
    while (what === '') what = flipOne(db, kind, random)
  })
  return what
}

/** What was flipped; nothing where the file would then hold one key twice, which its format has no room for. */
function flipOne(db: Database.Database, kind: keyof typeof TABLES, random: Seeded): string {
  const filled = TABLES[kind].filter((table) => rowIds(db, table).length > 0)
  const table = random.pick(filled)
  const rowid = random.pick(rowIds(db, table))
  const row = db.prepare(`select * from "${table}" where rowid = ?`).get(rowid) as object
  const columns = Object.entries(row).filter(([, value]) => value !== null && value !== '')
  const [column, value] = random.pick(columns) as [string, string | number]
  const next =
    typeof value === 'number'
      ? flippedNumber(value, random)
      : flipped(Buffer.from(value, 'latin1'), random).toString('latin1')
  try {
    db.prepare(`update "${table}" set "${column}" = ? where rowid = ?`).run(next, rowid)
  } catch (error) {
    if (error instanceof Database.SqliteError && KEY_TAKEN.test(error.code)) return ''
    throw error
  }
  return `${table}.${column} of row ${rowid}: ${value} is ${next}`
}

function flippedNumber(value: number, random: Seeded): number {
  return Number.isInteger(value)
    ? Number(BigInt(value) ^ (1n << BigInt(random.integer(0, 40))))
    : value / 2
}

function rowIds(db: Database.Database, table: string): number[] {
  const rows = db.prepare(`select rowid as id from "${table}"`).all()
  return (rows as { id: number }[]).map(({ id }) => id)
}

/** `lacre ledger verify --data`, and every blob under the digest that names it, as it is hashed before it is run. */
async function isSound(dir: string): Promise<boolean> {
  const wrong = blobsOf(dir).find((path) => {
    const digest = createHash('sha256').update(readFileSync(path)).digest('hex')
    return !path.endsWith(digest)
  })
  if (wrong !== undefined) return false
  try {
    return (await verifyDirectory({ dataDir: dir, database: 'lacre.db' })).findings.length === 0
  } catch (error) {
    if (error instanceof PlatformError) return false
    throw error
  }
}
