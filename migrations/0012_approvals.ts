import { sql, type Kysely } from 'kysely'

import { dialectOf, type Dialect } from './0001_dialect.ts'

/**
 * Who said yes to which move (RULES §5), exceptions from the policies with two persons behind them, and whose a signer is.
 * Names of functions and aliases, not ids of rows: governance belongs to the name and outlives deletion.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  const dialect = dialectOf(db)
  await approvals(db, dialect)
  await breakGlass(db, dialect)
  await dialect
    .finish(db.schema.createTable('signer_owner'))
    .addColumn('signer', 'text', (c) => c.primaryKey())
    .addColumn('label', 'text', (c) => c.notNull())
    .addColumn('principal_id', 'text', (c) => c.notNull().references('principal.id'))
    .addColumn('mapped_at', dialect.int, (c) => c.notNull())
    .addColumn('mapped_by', 'text', (c) => c.notNull())
    .execute()
}

async function approvals(db: Kysely<unknown>, { int, real, finish }: Dialect): Promise<void> {
  await finish(db.schema.createTable('approval_request'))
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('function_name', 'text', (c) => c.notNull())
    .addColumn('alias', 'text', (c) => c.notNull())
    .addColumn('version', 'text', (c) => c.notNull())
    .addColumn('release', 'text', (c) => c.notNull().check(sql`length(release) = 64`))
    .addColumn('weight', real, (c) => c.notNull().check(sql`weight > 0 and weight <= 1`))
    .addColumn('requester', 'text', (c) => c.notNull().references('principal.id'))
    .addColumn('reason', 'text', (c) => c.notNull())
    .addColumn('opened_at', int, (c) => c.notNull())
    .addColumn('expires_at', int, (c) => c.notNull())
    .addColumn('state', 'text', (c) =>
      c.notNull().check(sql`state in ('open', 'used', 'withdrawn', 'void')`),
    )
    .addColumn('settled_at', int)
    .addColumn('settled_by', 'text')
    .addCheckConstraint(
      'approval_request_settled',
      sql`(state = 'open') = (settled_at is null) and (settled_at is null) = (settled_by is null)`,
    )
    .addCheckConstraint('approval_request_term', sql`opened_at < expires_at`)
    .execute()
  await finish(db.schema.createTable('approval'))
    .addColumn('request_id', 'text', (c) => c.notNull().references('approval_request.id'))
    .addColumn('principal_id', 'text', (c) => c.notNull().references('principal.id'))
    .addColumn('approved_at', int, (c) => c.notNull())
    .addColumn('comment', 'text', (c) => c.notNull())
    .addColumn('revoked_at', int)
    .addPrimaryKeyConstraint('approval_pk', ['request_id', 'principal_id'])
    .execute()
  await db.schema
    .createIndex('approval_request_by_alias')
    .on('approval_request')
    .columns(['function_name', 'alias', 'state'])
    .execute()
}

async function breakGlass(db: Kysely<unknown>, { int, finish }: Dialect): Promise<void> {
  await finish(db.schema.createTable('break_glass'))
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('function_name', 'text', (c) => c.notNull())
    .addColumn('alias', 'text', (c) => c.notNull())
    .addColumn('version', 'text', (c) => c.notNull())
    .addColumn('release', 'text', (c) => c.notNull().check(sql`length(release) = 64`))
    .addColumn('reason', 'text', (c) => c.notNull())
    .addColumn('ticket', 'text', (c) => c.notNull())
    .addColumn('scope', 'text', (c) => c.notNull())
    .addColumn('ttl_ms', int, (c) => c.notNull().check(sql`ttl_ms > 0 and ttl_ms <= 86400000`))
    .addColumn('requester', 'text', (c) => c.notNull().references('principal.id'))
    .addColumn('requested_at', int, (c) => c.notNull())
    .addColumn('quorum', int)
    .addColumn('second', 'text', (c) => c.references('principal.id'))
    .addColumn('granted_at', int)
    .addColumn('until', int)
    .addColumn('ended_at', int)
    .addColumn('ended', 'text', (c) =>
      c.check(sql`ended in ('reverted', 'unused', 'replaced', 'frozen', 'withdrawn')`),
    )
    .addColumn('ended_by', 'text')
    .addColumn('reviewed_by', 'text', (c) => c.references('principal.id'))
    .addColumn('reviewed_at', int)
    .addColumn('review_note', 'text')
    .addCheckConstraint(
      'break_glass_granted',
      sql`(granted_at is null) = (second is null) and (granted_at is null) = (until is null)
        and (granted_at is null) = (quorum is null) and until - granted_at <= 86400000`,
    )
    .addCheckConstraint('break_glass_second', sql`second <> requester or quorum = 1`)
    .addCheckConstraint(
      'break_glass_ended',
      sql`(ended_at is null) = (ended is null) and (ended_at is null) = (ended_by is null)`,
    )
    .addCheckConstraint(
      'break_glass_reviewed',
      sql`(reviewed_at is null) = (reviewed_by is null) and (reviewed_at is null) = (review_note is null)`,
    )
    .execute()
  await db.schema
    .createIndex('break_glass_by_alias')
    .on('break_glass')
    .columns(['function_name', 'alias'])
    .execute()
}
