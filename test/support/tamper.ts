import { join } from 'node:path'

import Database from 'better-sqlite3'

/** What somebody who has the file can do: triggers are no hindrance to him, and are back after. */
export function tamper(
  dir: string,
  damage: string | ((db: Database.Database) => void),
  file = 'lacre.db',
): void {
  const db = new Database(join(dir, file))
  const triggers = db.prepare(`select name, sql from sqlite_schema where type = 'trigger'`).all()
  const known = triggers as { name: string; sql: string }[]
  for (const { name } of known) db.exec(`drop trigger "${name}"`)
  if (typeof damage === 'string') db.exec(damage)
  else damage(db)
  for (const { sql } of known) db.exec(sql)
  db.close()
}
