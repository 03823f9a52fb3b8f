import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import Database from 'better-sqlite3'
import { expect, it } from 'vitest'

import { governedTables, verifyDirectory } from '../../services/audit/index.ts'
import { PlatformError } from '../../services/model/index.ts'
import { openState, tempDir, writeSetting } from '../support/state.ts'

/** Queues, caches and free space tell nothing of what was decided. */
const HELD = [
  ...Object.keys(governedTables),
  'document',
  'ledger_entry',
  'ledger_node',
  'ledger_head',
  'ledger_checkpoint',
]

function contentOf(dir: string): string {
  const db = new Database(join(dir, 'lacre.db'), { readonly: true })
  try {
    return JSON.stringify(HELD.map((table) => db.prepare(`select * from "${table}"`).all()))
  } finally {
    db.close()
  }
}

/** True where the directory is called sound. */
async function isSound(dir: string): Promise<boolean> {
  try {
    return (await verifyDirectory({ dataDir: dir, database: 'lacre.db' })).findings.length === 0
  } catch (error) {
    if (error instanceof PlatformError) return false
    throw error
  }
}

it('finds any flipped byte of the database file that changes what is held', async () => {
  using dir = tempDir()
  {
    await using state = await openState(dir.path)
    // Enough rows that a place picked blindly often meets one, among the pages of tables that are empty.
    for (let at = 0; at < 180; at += 1) await writeSetting(state, `s${at % 120}`, `value ${at}`)
  }
  const file = join(dir.path, 'lacre.db')
  const sound = readFileSync(file)
  const content = contentOf(dir.path)
  let found = 0
  for (let step = 0; step < 150; step += 1) {
    using copy = tempDir()
    cpSync(dir.path, copy.path, { recursive: true })
    const bytes = Buffer.from(sound)
    const place = (step * 104_729 + 31) % bytes.length
    bytes[place] = (bytes[place] ?? 0) ^ (1 << (step % 8))
    writeFileSync(join(copy.path, 'lacre.db'), bytes)

    if (!(await isSound(copy.path))) found += 1
    else expect(contentOf(copy.path), `byte ${place}`).toBe(content)
  }

  expect(found).toBeGreaterThan(10)
}, 180_000)
