import { Migrator, sql, type Kysely, type Migration } from 'kysely'

import { PlatformError } from '../model/index.ts'
import { up as catalog } from '../../migrations/0001_catalog.ts'
import { up as resourcePolicies } from '../../migrations/0002_resource_policies.ts'
import { up as functionSettings } from '../../migrations/0003_function_settings.ts'
import { up as resourceTags } from '../../migrations/0004_resource_tags.ts'
import { up as revocationLists } from '../../migrations/0005_revocation_lists.ts'
import { up as publisherKinds } from '../../migrations/0006_publisher_kinds.ts'
import { up as signingRequirements } from '../../migrations/0007_signing_requirements.ts'
import { up as roleGrants } from '../../migrations/0008_role_grants.ts'
import { up as approvals } from '../../migrations/0012_approvals.ts'
import { up as webhooks } from '../../migrations/0019_webhooks.ts'
import { up as plans } from '../../migrations/0014_plans.ts'
import { up as stages } from '../../migrations/0013_stages.ts'
import { up as liveVerdicts } from '../../migrations/0015_live_verdicts.ts'
import { up as policySets } from '../../migrations/0009_policy_sets.ts'
import { up as access } from '../../migrations/0010_access.ts'
import { up as attestations } from '../../migrations/0011_attestations.ts'
import { up as history } from '../../migrations/0016_history.ts'
import { up as ledgerEpochs } from '../../migrations/0017_ledger_epochs.ts'
import { up as exactHolds } from '../../migrations/0021_exact_holds.ts'
import { up as webhookEpochs } from '../../migrations/0022_webhook_epochs.ts'
import { up as consoleSessions } from '../../migrations/0024_console_sessions.ts'
import { up as authority } from '../../migrations/authority/0001_authority.ts'
import { up as events } from '../../migrations/events/0001_events.ts'

import type { Schema } from './schema.ts'

/** Whose database it is: the service's, its events', or the private authority's. They share no table. */
export type StoreKind = 'service' | 'events' | 'authority'

const migrations: Readonly<Record<string, Migration>> = {
  '0001_catalog': { up: catalog },
  '0002_resource_policies': { up: resourcePolicies },
  '0003_function_settings': { up: functionSettings },
  '0004_resource_tags': { up: resourceTags },
  '0005_revocation_lists': { up: revocationLists },
  '0006_publisher_kinds': { up: publisherKinds },
  '0007_signing_requirements': { up: signingRequirements },
  '0008_role_grants': { up: roleGrants },
  '0012_approvals': { up: approvals },
  '0014_plans': { up: plans },
  '0013_stages': { up: stages },
  '0009_policy_sets': { up: policySets },
  '0010_access': { up: access },
  '0011_attestations': { up: attestations },
  '0015_live_verdicts': { up: liveVerdicts },
  '0019_webhooks': { up: webhooks },
  '0016_history': { up: history },
  '0017_ledger_epochs': { up: ledgerEpochs },
  '0021_exact_holds': { up: exactHolds },
  '0022_webhook_epochs': { up: webhookEpochs },
  '0024_console_sessions': { up: consoleSessions },
}

const eventsMigrations: Readonly<Record<string, Migration>> = {
  events_0001: { up: events },
}

const authorityMigrations: Readonly<Record<string, Migration>> = {
  authority_0001: { up: authority },
}

const migrationsOf: Readonly<Record<StoreKind, Readonly<Record<string, Migration>>>> = {
  service: migrations,
  events: eventsMigrations,
  authority: authorityMigrations,
}

/**
 * Brings the database to this program's schema. One written by a newer program is left untouched.
 * @throws PlatformError CONFIGURATION
 */
export async function migrate(db: Kysely<Schema>, kind: StoreKind = 'service'): Promise<void> {
  await refuseNewer(db, kind)
  const { error } = await migratorOf(db, migrationsOf[kind]).migrateToLatest()
  if (error !== undefined) throw error
}

/** @throws PlatformError CONFIGURATION where a newer program wrote the database */
export async function refuseNewer(db: Kysely<Schema>, kind: StoreKind = 'service'): Promise<void> {
  const known = migrationsOf[kind]
  const unknown = (await applied(db)).filter((name) => known[name] === undefined)
  if (unknown.length === 0) return
  throw new PlatformError(
    'CONFIGURATION',
    `the data was written by a newer lacre (it has migration \`${unknown.join('`, `')}\`); use that one, or restore a backup of this version`,
  )
}

/** As `migrate`, up to one migration: what a database of that version looks like. */
export async function migrateTo(
  db: Kysely<Schema>,
  name: string,
  kind: StoreKind = 'service',
): Promise<void> {
  const { error } = await migratorOf(db, migrationsOf[kind]).migrateTo(name)
  if (error !== undefined) throw error
}

function migratorOf(db: Kysely<Schema>, known: Readonly<Record<string, Migration>>): Migrator {
  return new Migrator({
    db,
    provider: { getMigrations: () => Promise.resolve({ ...known }) },
  })
}

/** The migrations that a database has, in order. */
export async function applied(db: Kysely<Schema>): Promise<string[]> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true })
  if (!tables.some((table) => table.name === 'kysely_migration')) return []
  const { rows } = await sql<{
    name: string
  }>`select name from kysely_migration order by name`.execute(db)
  return rows.map((row) => row.name)
}
