import { sql, type Kysely } from 'kysely'

import { dialectOf } from './0001_dialect.ts'

/**
 * What the history is looked up by. `live_term` says under which digests, layers and publishers releases of a function are
 * found, `sbom_package` which packages the attested SBOMs name; both are made of governed rows and tell nothing by themselves.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  const { finish } = dialectOf(db)
  await finish(db.schema.createTable('live_term'))
    .addColumn('term', 'text', (c) => c.notNull())
    .addColumn('function_name', 'text', (c) => c.notNull())
    .addColumn('release', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('live_term_pk', ['term', 'function_name', 'release'])
    .execute()
  await finish(db.schema.createTable('sbom_package'))
    .addColumn('package', 'text', (c) => c.notNull())
    .addColumn('artifact_sha256', 'text', (c) => c.notNull())
    .addColumn('attestation', 'text', (c) => c.notNull())
    .addColumn('version', 'text', (c) => c.notNull())
    .addColumn('purl', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('sbom_package_pk', [
      'package',
      'artifact_sha256',
      'attestation',
      'version',
      'purl',
    ])
    .execute()
  // The interval of a slot that began last before an instant; the ends of a function's; those of a release.
  const index = (name: string, ...columns: string[]) =>
    db.schema.createIndex(name).on('live_interval').columns(columns)
  await index('live_interval_by_slot', 'function_name', 'alias', 'slot', 'from_ms').execute()
  await index('live_interval_by_end', 'function_name', 'to_ms').execute()
  await index('live_interval_by_release', 'function_name', 'release', 'from_ms').execute()
  await sql`create index decision_refused on decision (resource, at) where outcome = 'deny'`.execute(
    db,
  )
  await fillTerms(db)
  await fillPackages(db)
}

interface KeptInterval {
  readonly id: number
  readonly function_name: string
  readonly release: string
  readonly code_sha256: string
  readonly layers: string
  readonly sha256: string
  readonly tree: string
  readonly facts: string
}

interface KeptLayer {
  readonly arn: string
  readonly codeSha256: string
  readonly sha256: string
  readonly tree: string
}

interface KeptFacts {
  readonly subjects: readonly {
    readonly codeSha256: string
    readonly verdict: {
      readonly seals: readonly {
        readonly outcome: string
        readonly publisher?: { readonly name: string }
      }[]
    }
  }[]
}

const ROWS_AT_ONCE = 200

/** Of a directory that was written before. */
async function fillTerms(db: Kysely<unknown>): Promise<void> {
  for (let after = 0; ;) {
    const { rows } = await sql<KeptInterval>`
      select i.id, i.function_name, i.release, i.code_sha256, i.layers, a.sha256, a.tree, f.body as facts
      from live_interval i
      join artifact a on a.code_sha256 = i.code_sha256
      join decision d on d.id = i.decision_id
      join document f on f.sha256 = d.facts
      where i.id > ${after} order by i.id limit ${ROWS_AT_ONCE}`.execute(db)
    for (const row of rows)
      for (const term of termsOf(row))
        await sql`insert into live_term (term, function_name, release)
          values (${term}, ${row.function_name}, ${row.release}) on conflict do nothing`.execute(db)
    const last = rows.at(-1)
    if (last === undefined) return
    after = last.id
  }
}

function termsOf(row: KeptInterval): Set<string> {
  const layers = JSON.parse(row.layers) as readonly KeptLayer[]
  const { subjects } = JSON.parse(row.facts) as KeptFacts
  const code = new Set([row.code_sha256, ...layers.map(({ codeSha256 }) => codeSha256)])
  const publishers = subjects
    .filter(({ codeSha256 }) => code.has(codeSha256))
    .flatMap(({ verdict }) => verdict.seals.filter(({ outcome }) => outcome === 'trusted'))
    .flatMap(({ publisher }) => (publisher === undefined ? [] : [publisher.name]))
  const digests = [
    row.release,
    row.code_sha256,
    row.sha256,
    row.tree,
    ...layers.flatMap(({ codeSha256, sha256, tree }) => [codeSha256, sha256, tree]),
  ]
  return new Set([
    ...digests.map((digest) => `digest ${digest}`),
    ...layers.flatMap(({ arn }) => [`layer ${arn}`, `layer ${arn.replace(/:\d+$/, '')}`]),
    ...publishers.map((name) => `publisher ${name}`),
  ])
}

interface KeptBundle {
  readonly artifact_sha256: string
  readonly digest: string
  readonly predicate_type: string
  readonly body: string
}

interface KeptPackage {
  readonly name: string
  readonly version: string
  readonly purl: string
}

async function fillPackages(db: Kysely<unknown>): Promise<void> {
  const { rows: kept } = await sql<Omit<KeptBundle, 'body'>>`
    select artifact_sha256, digest, predicate_type from attestation
    where predicate_type like 'https://cyclonedx.org/bom%'
      or predicate_type like 'https://spdx.dev/Document%'`.execute(db)
  for (const one of kept) {
    const { rows } = await sql<{ body: string }>`
      select d.body from attestation a join document d on d.sha256 = a.document
      where a.artifact_sha256 = ${one.artifact_sha256} and a.digest = ${one.digest}`.execute(db)
    for (const found of packagesOf(rows[0]?.body ?? '{}'))
      for (const name of namesOf(found))
        await sql`insert into sbom_package (package, artifact_sha256, attestation, version, purl)
          values (${name}, ${one.artifact_sha256}, ${one.digest}, ${found.version}, ${found.purl})
          on conflict do nothing`.execute(db)
  }
}

type Tree = { readonly [member: string]: unknown }

/** What was kept was read strictly when it came. */
function packagesOf(bundle: string): KeptPackage[] {
  const { dsseEnvelope } = JSON.parse(bundle) as { readonly dsseEnvelope?: { payload: string } }
  if (dsseEnvelope === undefined) return []
  const payload = Buffer.from(dsseEnvelope.payload, 'base64').toString('utf8')
  const { predicate } = JSON.parse(payload) as { readonly predicate: Tree }
  const text = (value: unknown): string => (typeof value === 'string' ? value : '')
  const list = (value: unknown): Tree[] => (Array.isArray(value) ? (value as Tree[]) : [])
  const inside = (value: unknown): Tree[] =>
    list(value).flatMap((one) => [one, ...inside(one['components'])])
  const ofCycloneDx = inside(predicate['components']).map((one) => ({
    name: text(one['name']),
    version: text(one['version']),
    purl: text(one['purl']),
  }))
  const ofSpdx = list(predicate['packages']).map((one) => ({
    name: text(one['name']),
    version: text(one['versionInfo']),
    purl: text(
      list(one['externalRefs']).find(({ referenceType }) => referenceType === 'purl')?.[
        'referenceLocator'
      ],
    ),
  }))
  return [...ofCycloneDx, ...ofSpdx]
}

/** The name, and the one in the package URL with its namespace; lower case. */
function namesOf({ name, purl }: KeptPackage): Set<string> {
  const [, path = ''] = /^pkg:\/*[^/?#]+\/+([^?#]+)/i.exec(purl) ?? []
  const at = path.lastIndexOf('@')
  const named = at > 0 && !path.slice(at).includes('/') ? path.slice(0, at) : path
  const names = named === '' ? [name] : [name, decoded(named)]
  return new Set(names.map((one) => one.toLowerCase()))
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
