// Somebody who owns the data directory, master key and all, changes history; one checkpoint was saved elsewhere before.
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { verifyDirectory } from '../../services/audit/index.ts'
import {
  EMPTY_FRONTIER,
  appendLeaf,
  formatCheckpoint,
  formatNote,
  leafHash,
  parseVerifierKey,
  rootOf,
  type NoteKey,
} from '../../services/ledger/index.ts'
import { PlatformError, canonicalJson, type Json } from '../../services/model/index.ts'
import { openState, tempDir, writeSetting } from '../support/state.ts'
import { tamper } from '../support/tamper.ts'
import { Seeded } from './seeded.ts'

const ENTRIES = 60
const KINDS = ['delete', 'edit', 'reorder', 'truncate', 'fork', 'roll-back'] as const
/** How it is covered up: not at all, or by computing everything anew and signing it with the ledger's own key. */
const COVERS = ['bare', 'rebuilt'] as const

interface Ground {
  readonly dir: string
  /** The whole directory, when the ledger had half of its entries. */
  readonly earlier: string
  readonly key: NoteKey
  /** Saved elsewhere. */
  readonly note: string
}

export async function torture({ n, seed }: { n: number; seed: number }): Promise<number> {
  const random = new Seeded(seed)
  using now = tempDir()
  using earlier = tempDir()
  const ground = await prepare(now.path, earlier.path)
  let failed = 0
  if (!(await isSound(now.path, ground))) failed += fail('the untouched directory is not sound')
  const counts = new Map<string, number>()
  for (let done = 0; done < n; done += 1) {
    const kind = random.pick(KINDS)
    const cover = kind === 'truncate' || kind === 'fork' ? 'rebuilt' : random.pick(COVERS)
    using dir = tempDir()
    await damage(dir.path, ground, { kind, cover, random })
    if (await isSound(dir.path, ground)) failed += fail(`${kind}, ${cover}: not found (${done})`)
    counts.set(`${kind} ${cover}`, (counts.get(`${kind} ${cover}`) ?? 0) + 1)
  }
  for (const [what, count] of counts) console.log(`${what.padEnd(18)} ${count}`)
  console.log(`ledger: ${n} done, ${failed} failed (seed ${seed})`)
  return failed
}

function fail(message: string): 1 {
  console.log(`FAILED ${message}`)
  return 1
}

async function prepare(dir: string, earlier: string): Promise<Ground> {
  await fill(dir, 0)
  cpSync(dir, earlier, { recursive: true })
  const key = await fill(dir, ENTRIES / 2)
  const note = readFileSync(join(dir, 'checkpoints', 'latest'), 'utf8')
  return { dir, earlier, key: parseVerifierKey(key), note }
}

async function fill(dir: string, from: number): Promise<string> {
  await using state = await openState(dir)
  for (let at = from; at < from + ENTRIES / 2; at += 1)
    await writeSetting(state, `s${at % 20}`, `value ${at}`)
  return state.audit.verifierKey
}

/** Of the entries that the saved checkpoint is over one at least is another than it was. */
async function damage(
  dir: string,
  ground: Ground,
  { kind, cover, random }: { kind: (typeof KINDS)[number]; cover: string; random: Seeded },
): Promise<void> {
  if (kind === 'roll-back') {
    cpSync(ground.earlier, dir, { recursive: true })
    // What was done after it went back is signed by the service itself.
    if (cover === 'rebuilt') {
      await using state = await openState(dir)
      for (let at = 0; at < random.integer(1, ENTRIES); at += 1)
        await writeSetting(state, `f${at}`, `forked ${at}`)
    }
    return
  }
  cpSync(ground.dir, dir, { recursive: true })
  const bodies = readBodies(dir)
  const [one, other] = [random.integer(0, bodies.length - 1), random.integer(0, bodies.length - 1)]
  const body = bodies[one] ?? ''
  if (kind === 'delete') bodies.splice(one, 1)
  if (kind === 'edit') bodies[one] = body.replace(/"at":\d+/, `"at":${random.integer(1, 9)}`)
  if (kind === 'reorder') {
    const next = other === one ? (one + 1) % bodies.length : other
    ;[bodies[one], bodies[next]] = [bodies[next] ?? '', body]
  }
  if (kind === 'truncate') bodies.splice(one)
  if (kind === 'fork')
    for (let at = one; at < bodies.length; at += 1)
      bodies[at] = (bodies[at] ?? '').replace('"admin"', '"mallory"').replace('key/', 'kex/')
  const rebuilt = cover === 'rebuilt'
  await write(dir, rebuilt ? bodies.map(renumbered) : bodies, rebuilt)
}

function renumbered(body: string, index: number): string {
  return canonicalJson({ ...(JSON.parse(body) as { [name: string]: Json }), index })
}

function readBodies(dir: string): string[] {
  let bodies: string[] = []
  tamper(dir, (db) => {
    const rows = db.prepare('select body from ledger_entry order by "index"').all()
    bodies = (rows as { body: string }[]).map(({ body }) => body)
  })
  return bodies
}

async function write(dir: string, bodies: readonly string[], rebuilt: boolean): Promise<void> {
  const sign = await ownKey(dir)
  let frontier = EMPTY_FRONTIER
  const nodes = bodies.flatMap((body) => {
    const appended = appendLeaf(frontier, leafHash(body))
    frontier = appended.frontier
    return [...appended.nodes]
  })
  const { size, hashes } = frontier
  const root = rootOf(frontier)
  tamper(dir, (db) => {
    db.exec('delete from ledger_entry')
    const insert = db.prepare('insert into ledger_entry values (?, ?, ?)')
    for (const [at, body] of bodies.entries()) insert.run(at, leafHash(body), body)
    if (!rebuilt) return
    db.exec('delete from ledger_node; delete from ledger_checkpoint')
    const node = db.prepare('insert into ledger_node values (?, ?, ?)')
    for (const { level, index, hash } of nodes) node.run(level, index, hash)
    db.prepare('update ledger_head set size = ?, frontier = ?, root = ?').run(
      size,
      JSON.stringify(hashes),
      root,
    )
    if (size === 0) return
    const note = sign(size, root)
    db.prepare('insert into ledger_checkpoint values (?, ?, 1)').run(size, note)
    writeFileSync(join(dir, 'checkpoints', 'latest'), note)
  })
}

/** The ledger's own key: whoever has the directory and the master key has it. */
async function ownKey(dir: string): Promise<(size: number, root: string) => string> {
  await using state = await openState(dir)
  const { name, id } = parseVerifierKey(state.audit.verifierKey)
  const signer = await state.keys.signer('ledger')
  return (size, root) => {
    const text = formatCheckpoint({ origin: name, size, root })
    return formatNote(text, [{ name, id, bytes: signer.sign(Buffer.from(text)) }])
  }
}

/** `lacre ledger verify --data DIR --log-key K --checkpoint SAVED` with exit 0. */
async function isSound(dir: string, { key, note }: Ground): Promise<boolean> {
  try {
    const options = { dataDir: dir, database: 'lacre.db', logKey: key, checkpoints: [note] }
    return (await verifyDirectory(options)).authenticated
  } catch (error) {
    if (error instanceof PlatformError) return false
    throw error
  }
}
