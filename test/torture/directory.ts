import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import Database from 'better-sqlite3'

import { lacre } from '../support/command.ts'
import type { OutsideEvidence } from './outside.ts'

/** Reads the database beside the running service. */
function read<T>(data: string, work: (db: Database.Database) => T): T {
  const db = new Database(join(data, 'lacre.db'), { readonly: true, fileMustExist: true })
  try {
    return work(db)
  } finally {
    db.close()
  }
}

/** How many versions have not settled yet, and those that failed. */
export function unsettled(data: string): { readonly open: number; readonly failed: string[] } {
  return read(data, (db) => {
    const rows = db
      .prepare('select id, state, state_reason, last_update_status from function_version')
      .all() as {
      id: string
      state: string
      state_reason: string | null
      last_update_status: string | null
    }[]
    const open = rows.filter(
      (row) => row.state === 'Pending' || row.last_update_status === 'InProgress',
    )
    const failed = rows.filter(
      (row) => row.state === 'Failed' || row.last_update_status === 'Failed',
    )
    return { open: open.length, failed: failed.map((row) => `${row.id}: ${row.state_reason}`) }
  })
}

/** SQLite's own check, and every blob that a row names: there, and still its digest. */
export function wrongInDirectory(data: string): string[] {
  return read(data, (db) => {
    const wrong: string[] = []
    const integrity = db.pragma('integrity_check', { simple: true })
    if (integrity !== 'ok') wrong.push(`integrity_check: ${String(integrity)}`)
    const broken = db.pragma('foreign_key_check') as unknown[]
    if (broken.length > 0) wrong.push(`foreign_key_check: ${JSON.stringify(broken)}`)
    const named = db
      .prepare(
        'select code_sha256 from function_version union select code_sha256 from layer_version',
      )
      .all() as { code_sha256: string }[]
    for (const { code_sha256: digest } of named) {
      const path = join(data, 'blobs', digest.slice(0, 2), digest)
      if (!existsSync(path)) wrong.push(`the blob ${digest} is missing`)
      else if (createHash('sha256').update(readFileSync(path)).digest('hex') !== digest)
        wrong.push(`the blob ${digest} does not hash to its name`)
    }
    const dangling = db
      .prepare(
        `select f.name from function f left join function_version v on v.id = coalesce(f.pending, f.serving)
         where v.id is null`,
      )
      .all() as { name: string }[]
    for (const { name } of dangling) wrong.push(`the function ${name} points to no version`)
    return wrong
  })
}

/** `lacre ledger verify --data DIR` with what is kept outside: what it says when it does not hold, else nothing. */
export function wrongInLedger(data: string, outside: OutsideEvidence): string[] {
  const { logKey, checkpointFile } = outside
  const args = ['ledger', 'verify', '--data', data, '--log-key', logKey]
  const run = lacre([...args, '--checkpoint', checkpointFile])
  return run.status === 0 ? [] : [`ledger verify: exit ${run.status}\n${run.stdout}${run.stderr}`]
}

/** Of these decision ids those that are not kept. */
export function missingDecisions(data: string, ids: readonly string[]): string[] {
  return read(data, (db) => {
    const find = db.prepare('select 1 from decision where id = ?')
    return ids.filter((id) => find.get(id) === undefined)
  })
}
