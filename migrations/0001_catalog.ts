import { sql, type CreateTableBuilder, type Kysely } from 'kysely'

import { dialectOf, type Dialect } from './0001_dialect.ts'

type Table = CreateTableBuilder<string, string>
type Db = Kysely<unknown>

/**
 * Everything of the first release. Frozen once merged: later changes are later migrations, and this file
 * imports nothing of ours that may change. References are checked at commit, so that a decision and
 * what it admits may be written in either order.
 */
export async function up(db: Db): Promise<void> {
  const dialect = dialectOf(db)
  for (const create of [identity, trust, artifacts, functions, layers, decisions, ledger, jobs]) {
    await create(db, dialect)
  }
  await indexes(db)
  await sql`insert into ${sql.table('world')} (id, counter) values (1, 0)`.execute(db)
  await dialect.protect(db)
}

async function identity(db: Db, { int, finish }: Dialect): Promise<void> {
  await finish(db.schema.createTable('setting'))
    .addColumn('name', 'text', (c) => c.primaryKey())
    .addColumn('value', 'text', (c) => c.notNull())
    .execute()
  await finish(db.schema.createTable('world'))
    .addColumn('id', int, (c) => c.primaryKey().check(sql`id = 1`))
    .addColumn('counter', int, (c) => c.notNull())
    .execute()
  await finish(db.schema.createTable('principal'))
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('kind', 'text', oneOf('kind', ['user', 'workload', 'system']))
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('roles', 'text', (c) => c.notNull())
    .addColumn('created_at', int, (c) => c.notNull())
    .execute()
  await finish(db.schema.createTable('access_key'))
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('principal_id', 'text', (c) => c.notNull())
    .addColumn('secret_sealed', 'text', (c) => c.notNull())
    .addColumn('status', 'text', oneOf('status', ['Active', 'Inactive']))
    .addColumn('created_at', int, (c) => c.notNull())
    .$call(references('access_key', 'principal_id', 'principal.id'))
    .execute()
  await finish(db.schema.createTable('seen_signature'))
    .addColumn('signature', 'text', (c) => c.primaryKey())
    .addColumn('first_seen_at', int, (c) => c.notNull())
    .execute()
  await finish(db.schema.createTable('sealed_key'))
    .addColumn('purpose', 'text', (c) => c.primaryKey())
    .addColumn('public_key_pem', 'text', (c) => c.notNull().unique())
    .addColumn('private_key_sealed', 'text', (c) => c.notNull())
    .addColumn('created_at', int, (c) => c.notNull())
    .execute()
}

async function trust(db: Db, { int, finish }: Dialect): Promise<void> {
  await finish(db.schema.createTable('publisher'))
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('kind', 'text', oneOf('kind', ['key', 'x509']))
    .addColumn('name', 'text', (c) => c.notNull().unique())
    .addColumn('created_at', int, (c) => c.notNull())
    .execute()
  await finish(db.schema.createTable('publisher_version'))
    .addColumn('publisher_id', 'text', (c) => c.notNull())
    .addColumn('version', 'text', (c) => c.notNull().check(sql`length(version) = 10`))
    .addColumn('document', 'text', (c) => c.notNull())
    .addColumn('digest', 'text', isDigest('digest'))
    .addColumn('status', 'text', oneOf('status', ['Active', 'Canceled', 'Revoked']))
    .addColumn('created_at', int, (c) => c.notNull())
    .addPrimaryKeyConstraint('publisher_version_pk', ['publisher_id', 'version'])
    .$call(references('publisher_version', 'publisher_id', 'publisher.id'))
    .execute()
  const targets = ['publisher', 'publisher-version', 'certificate', 'key', 'seal']
  await finish(db.schema.createTable('revocation'))
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('target_kind', 'text', oneOf('target_kind', targets))
    .addColumn('target', 'text', (c) => c.notNull())
    .addColumn('effective_at', int, (c) => c.notNull())
    .addColumn('recorded_at', int, (c) => c.notNull())
    .addColumn('reason', 'text', (c) => c.notNull())
    .execute()
  await finish(db.schema.createTable('code_signing_config'))
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('description', 'text', (c) => c.notNull())
    .addColumn('policy', 'text', oneOf('policy', ['Warn', 'Enforce']))
    .addColumn('publishers', 'text', (c) => c.notNull())
    .addColumn('tags', 'text', (c) => c.notNull())
    .addColumn('last_modified', int, (c) => c.notNull())
    .execute()
}

async function artifacts(db: Db, { int, finish }: Dialect): Promise<void> {
  await finish(db.schema.createTable('document'))
    .addColumn('sha256', 'text', (c) => c.primaryKey().check(sql`length(sha256) = 64`))
    .addColumn('body', 'text', (c) => c.notNull())
    .execute()
  await finish(db.schema.createTable('artifact'))
    .addColumn('code_sha256', 'text', (c) => c.primaryKey().check(sql`length(code_sha256) = 64`))
    .addColumn('sha256', 'text', isDigest('sha256'))
    .addColumn('tree', 'text', isDigest('tree'))
    .addColumn('size_bytes', int, (c) => c.notNull())
    .addColumn('unzipped_bytes', int, (c) => c.notNull())
    .addColumn('entry_count', int, (c) => c.notNull())
    .addColumn('created_at', int, (c) => c.notNull())
    .execute()
  await finish(db.schema.createTable('detached_seal'))
    .addColumn('artifact_sha256', 'text', isDigest('artifact_sha256'))
    .addColumn('seal_digest', 'text', isDigest('seal_digest'))
    .addColumn('format', 'text', oneOf('format', ['bundle', 'cms']))
    .addColumn('body', 'text', (c) => c.notNull())
    .addColumn('created_at', int, (c) => c.notNull())
    .addPrimaryKeyConstraint('detached_seal_pk', ['artifact_sha256', 'seal_digest'])
    .execute()
}

async function functions(db: Db, dialect: Dialect): Promise<void> {
  const { int, real, finish } = dialect
  await finish(db.schema.createTable('function_name'))
    .addColumn('name', 'text', (c) => c.primaryKey())
    .addColumn('next_version', int, (c) => c.notNull().check(sql`next_version >= 1`))
    .execute()
  // `serving` and `pending` name rows that name this one: no reference, the catalog writes both.
  await finish(db.schema.createTable('function'))
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('name', 'text', (c) => c.notNull().unique())
    .addColumn('code_signing_config_id', 'text')
    .addColumn('serving', 'text')
    .addColumn('pending', 'text')
    .addColumn('tags', 'text', (c) => c.notNull())
    .addColumn('created_at', int, (c) => c.notNull())
    .$call(references('function', 'name', 'function_name.name'))
    .$call(references('function', 'code_signing_config_id', 'code_signing_config.id'))
    .execute()
  await functionVersions(db, dialect)
  await finish(db.schema.createTable('alias'))
    .addColumn('function_id', 'text', (c) => c.notNull())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('version', 'text', (c) => c.notNull())
    .addColumn('description', 'text', (c) => c.notNull())
    .addColumn('routing_version', 'text')
    .addColumn('routing_weight', real)
    .addColumn('revision_id', 'text', (c) => c.notNull())
    .addColumn('decision_id', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('alias_pk', ['function_id', 'name'])
    .addCheckConstraint('alias_routing', sql`(routing_version is null) = (routing_weight is null)`)
    .$call(references('alias', 'function_id', 'function.id'))
    .$call(references('alias', 'decision_id', 'decision.id'))
    .execute()
}

async function functionVersions(db: Db, { int, finish }: Dialect): Promise<void> {
  const states = ['Pending', 'Active', 'Inactive', 'Failed']
  const updates = ['Successful', 'Failed', 'InProgress']
  await finish(db.schema.createTable('function_version'))
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('function_id', 'text', (c) => c.notNull())
    .addColumn('version', 'text', (c) => c.notNull())
    .addColumn('configuration', 'text', (c) => c.notNull())
    .addColumn('code_sha256', 'text', (c) => c.notNull())
    .addColumn('layers', 'text', (c) => c.notNull())
    .addColumn('release', 'text', isDigest('release'))
    .addColumn('decision_id', 'text', (c) => c.notNull())
    .addColumn('state', 'text', oneOf('state', states))
    .addColumn('state_reason', 'text')
    .addColumn('state_reason_code', 'text')
    .addColumn('last_update_status', 'text', (c) => c.check(among('last_update_status', updates)))
    .addColumn('last_update_status_reason', 'text')
    .addColumn('last_update_status_reason_code', 'text')
    .addColumn('revision_id', 'text', (c) => c.notNull())
    .addColumn('last_modified', int, (c) => c.notNull())
    .$call(references('function_version', 'function_id', 'function.id'))
    .$call(references('function_version', 'code_sha256', 'artifact.code_sha256'))
    .$call(references('function_version', 'decision_id', 'decision.id'))
    .execute()
}

async function layers(db: Db, { int, finish }: Dialect): Promise<void> {
  await finish(db.schema.createTable('layer'))
    .addColumn('name', 'text', (c) => c.primaryKey())
    .addColumn('next_version', int, (c) => c.notNull().check(sql`next_version >= 1`))
    .execute()
  await finish(db.schema.createTable('layer_version'))
    .addColumn('arn', 'text', (c) => c.primaryKey())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('version', int, (c) => c.notNull())
    .addColumn('description', 'text', (c) => c.notNull())
    .addColumn('license', 'text')
    .addColumn('compatible_runtimes', 'text')
    .addColumn('compatible_architectures', 'text')
    .addColumn('code_sha256', 'text', (c) => c.notNull())
    .addColumn('decision_id', 'text', (c) => c.notNull())
    .addColumn('created_at', int, (c) => c.notNull())
    .addColumn('deleted_at', int)
    .addUniqueConstraint('layer_version_number', ['name', 'version'])
    .$call(references('layer_version', 'name', 'layer.name'))
    .$call(references('layer_version', 'code_sha256', 'artifact.code_sha256'))
    .$call(references('layer_version', 'decision_id', 'decision.id'))
    .execute()
}

async function decisions(db: Db, { int, real, finish, serial }: Dialect): Promise<void> {
  await finish(db.schema.createTable('decision'))
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('at', int, (c) => c.notNull())
    .addColumn('outcome', 'text', oneOf('outcome', ['allow', 'warn', 'deny']))
    .addColumn('principal_id', 'text', (c) => c.notNull())
    .addColumn('action', 'text', (c) => c.notNull())
    .addColumn('resource', 'text', (c) => c.notNull())
    .addColumn('document', 'text', (c) => c.notNull())
    .addColumn('facts', 'text', (c) => c.notNull())
    .$call(references('decision', 'document', 'document.sha256'))
    .$call(references('decision', 'facts', 'document.sha256'))
    .execute()
  await finish(db.schema.createTable('live_interval'))
    .addColumn('id', int, serial)
    .addColumn('function_name', 'text', (c) => c.notNull())
    .addColumn('alias', 'text', (c) => c.notNull())
    .addColumn('slot', 'text', oneOf('slot', ['primary', 'weighted']))
    .addColumn('version', 'text', (c) => c.notNull())
    .addColumn('weight', real, (c) => c.notNull())
    .addColumn('layers', 'text', (c) => c.notNull())
    .addColumn('code_sha256', 'text', (c) => c.notNull())
    .addColumn('release', 'text', isDigest('release'))
    .addColumn('decision_id', 'text', (c) => c.notNull())
    .addColumn('from_ms', int, (c) => c.notNull())
    .addColumn('to_ms', int)
    .addColumn('from_index', int, (c) => c.notNull())
    .addColumn('to_index', int)
    .addCheckConstraint('live_interval_end', sql`(to_ms is null) = (to_index is null)`)
    .$call(references('live_interval', 'decision_id', 'decision.id'))
    .execute()
}

async function ledger(db: Db, { int, finish }: Dialect): Promise<void> {
  await finish(db.schema.createTable('ledger_head'))
    .addColumn('id', int, (c) => c.primaryKey().check(sql`id = 1`))
    .addColumn('origin', 'text', (c) => c.notNull())
    .addColumn('size', int, (c) => c.notNull().check(sql`size >= 0`))
    .addColumn('frontier', 'text', (c) => c.notNull())
    .addColumn('root', 'text', isDigest('root'))
    .addColumn('last_at', int, (c) => c.notNull())
    .execute()
  await finish(db.schema.createTable('ledger_entry'))
    .addColumn('index', int, (c) => c.primaryKey())
    .addColumn('leaf_hash', 'text', isDigest('leaf_hash'))
    .addColumn('body', 'text', (c) => c.notNull())
    .execute()
  await finish(db.schema.createTable('ledger_node'))
    .addColumn('level', int, (c) => c.notNull())
    .addColumn('index', int, (c) => c.notNull())
    .addColumn('hash', 'text', isDigest('hash'))
    .addPrimaryKeyConstraint('ledger_node_pk', ['level', 'index'])
    .execute()
  await finish(db.schema.createTable('ledger_checkpoint'))
    .addColumn('size', int, (c) => c.primaryKey())
    .addColumn('note', 'text', (c) => c.notNull())
    .addColumn('at', int, (c) => c.notNull())
    .execute()
}

async function jobs(db: Db, { int, finish }: Dialect): Promise<void> {
  await finish(db.schema.createTable('jobs'))
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('kind', 'text', (c) => c.notNull())
    .addColumn('key', 'text', (c) => c.notNull())
    .addColumn('state', 'text', oneOf('state', ['ready', 'leased', 'done', 'dead']))
    .addColumn('run_at', int, (c) => c.notNull())
    .addColumn('lease_until', int)
    .addColumn('fence', int, (c) => c.notNull())
    .addColumn('attempts', int, (c) => c.notNull())
    .addColumn('payload', 'text', (c) => c.notNull())
    .addColumn('payload_digest', 'text', isDigest('payload_digest'))
    .addColumn('last_error', 'text')
    .addUniqueConstraint('jobs_key', ['kind', 'key'])
    .execute()
}

async function indexes(db: Db): Promise<void> {
  const index = (table: string, ...columns: readonly string[]) =>
    db.schema
      .createIndex(`${table}_by_${columns.join('_')}`)
      .on(table)
      .columns([...columns])
  await index('access_key', 'principal_id').execute()
  await index('seen_signature', 'first_seen_at').execute()
  await index('revocation', 'target_kind', 'target').execute()
  await index('artifact', 'sha256').execute()
  await index('function', 'code_signing_config_id').execute()
  await index('function_version', 'function_id').execute()
  await index('function_version', 'code_sha256').execute()
  await index('layer_version', 'code_sha256').execute()
  await index('decision', 'resource', 'at').execute()
  await index('live_interval', 'function_name', 'from_ms').execute()
  await index('jobs', 'state', 'run_at').execute()
  // A number is published once; `$LATEST` has a row for each state it went through.
  await sql`create unique index function_version_number
    on function_version (function_id, version) where version <> '$LATEST'`.execute(db)
  await sql`create unique index live_interval_open
    on live_interval (function_name, alias, slot) where to_ms is null`.execute(db)
}

function among(column: string, values: readonly string[]) {
  return sql<boolean>`${sql.ref(column)} in (${sql.join(values.map((value) => sql.lit(value)))})`
}

type Column = Parameters<Parameters<Table['addColumn']>[2] & object>[0]

const oneOf = (column: string, values: readonly string[]) => (c: Column) =>
  c.notNull().check(among(column, values))

const isDigest = (column: string) => (c: Column) =>
  c.notNull().check(sql`length(${sql.ref(column)}) = 64`)

const references =
  (table: string, column: string, target: `${string}.${string}`) =>
  (builder: Table): Table => {
    const [parent = '', key = ''] = target.split('.')
    return builder.addForeignKeyConstraint(
      `${table}_${column}_fk`,
      [column],
      parent,
      [key],
      (constraint) => constraint.deferrable().initiallyDeferred(),
    )
  }
