import { Kysely, sql } from 'kysely'

import { PooledSqliteDialect } from './dialect.ts'
import { applied, migrateTo, type StoreKind } from './migrate.ts'
import type { Reader } from './open.ts'
import type { Schema } from './schema.ts'

/**
 * How the tables, indexes and triggers of a database differ from what its migrations made: a refusal that was
 * taken out, a constraint or a column that was changed. Empty where they do not.
 */
export async function checkSchema(reader: Reader, kind: StoreKind = 'service'): Promise<string[]> {
  const last = (await applied(reader)).at(-1)
  if (last === undefined) return ['the database has no migrations']
  const model = new Kysely<Schema>({
    dialect: new PooledSqliteDialect({ path: ':memory:', access: 'write', size: 1 }),
  })
  try {
    await migrateTo(model, last, kind)
    const [expected, found] = [await describe(model), await describe(reader)]
    return [
      ...[...expected].flatMap(([name, text]) => {
        if (found.get(name) === text) return []
        return [`${name} ${found.has(name) ? 'was changed' : 'is not there'}`]
      }),
      ...[...found.keys()].filter((name) => !expected.has(name)).map((name) => `${name} was added`),
    ]
  } finally {
    await model.destroy()
  }
}

async function describe(reader: Reader): Promise<Map<string, string>> {
  const { rows } = await sql<{ type: string; name: string; sql: string | null }>`
    select type, name, sql from sqlite_schema where name not like 'sqlite_stat%'`.execute(reader)
  return new Map(rows.map((row) => [`${row.type} ${row.name}`, row.sql ?? '']))
}
