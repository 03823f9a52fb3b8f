import { join } from 'node:path'

import Database from 'better-sqlite3'

/** What somebody who has the file can do: triggers are no hindrance to him. */
export function tamper(dir: string, damage: string | ((db: Database.Database) => void)): void {
  const db = new Database(join(dir, 'lacre.db'))
  const triggers = db.prepare(`select name from sqlite_schema where type = 'trigger'`).all()
  for (const { name } of triggers as { name: string }[]) db.exec(`drop trigger "${name}"`)
  if (typeof damage === 'string') db.exec(damage)
  else damage(db)
  db.close()
}
