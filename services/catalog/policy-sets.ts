import { canonicalJson, sha256, type Json, type PolicyKind } from '../model/index.ts'
import type { Reader, Writer } from '../store/index.ts'
import type { TouchedRow } from './touched.ts'

/** One set that was put in force; the document beside it holds the text. */
export interface PolicySetRecord {
  readonly kind: PolicyKind
  readonly version: number
  readonly name: string
  readonly digest: string
  readonly schemaSha256: string
  readonly document: string
  readonly how: 'shipped' | 'applied' | 'rolled-back'
  readonly ofVersion: number | undefined
  readonly appliedAtMs: number
  readonly principalId: string
  readonly decisionId: string | undefined
}

/** How often a document is put beside one that was damaged on the disk. */
const DOCUMENT_TRIES = 8

/** The set in force of one kind; `undefined` where there never was one. */
export async function findPolicySetInForce(
  reader: Reader,
  kind: PolicyKind,
): Promise<PolicySetRecord | undefined> {
  const row = await selectSets(reader, kind).orderBy('version', 'desc').limit(1).executeTakeFirst()
  return row && toRecord(row)
}

/** The set that was in force at an instant. */
export async function findPolicySetAt(
  reader: Reader,
  kind: PolicyKind,
  atMs: number,
): Promise<PolicySetRecord | undefined> {
  const row = await selectSets(reader, kind)
    .where('applied_at', '<=', atMs)
    .orderBy('version', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row && toRecord(row)
}

/** One of those that were ever in force. */
export async function findPolicySet(
  reader: Reader,
  kind: PolicyKind,
  version: number,
): Promise<PolicySetRecord | undefined> {
  const row = await selectSets(reader, kind).where('version', '=', version).executeTakeFirst()
  return row && toRecord(row)
}

/** Newest first, below a version where one is given. */
export async function listPolicySets(
  reader: Reader,
  kind: PolicyKind,
  page: { readonly limit: number; readonly before?: number | undefined },
): Promise<PolicySetRecord[]> {
  let select = selectSets(reader, kind).orderBy('version', 'desc').limit(page.limit)
  if (page.before !== undefined) select = select.where('version', '<', page.before)
  return (await select.execute()).map(toRecord)
}

function selectSets(reader: Reader, kind: PolicyKind) {
  return reader.selectFrom('policy_set').selectAll().where('kind', '=', kind)
}

type Row = NonNullable<Awaited<ReturnType<ReturnType<typeof selectSets>['executeTakeFirst']>>>

function toRecord(row: Row): PolicySetRecord {
  return {
    kind: row.kind,
    version: row.version,
    name: row.name,
    digest: row.digest,
    schemaSha256: row.schema_sha256,
    document: row.document,
    how: row.how,
    ofVersion: row.of_version ?? undefined,
    appliedAtMs: row.applied_at,
    principalId: row.principal_id,
    decisionId: row.decision_id ?? undefined,
  }
}

/** Puts a set in force: the row that is the newest of its kind. */
export async function insertPolicySet(tx: Writer, record: PolicySetRecord): Promise<TouchedRow> {
  await tx
    .insertInto('policy_set')
    .values({
      kind: record.kind,
      version: record.version,
      name: record.name,
      digest: record.digest,
      schema_sha256: record.schemaSha256,
      document: record.document,
      how: record.how,
      of_version: record.ofVersion ?? null,
      applied_at: record.appliedAtMs,
      principal_id: record.principalId,
      decision_id: record.decisionId ?? null,
    })
    .execute()
  return { table: 'policy_set', key: { kind: record.kind, version: record.version } }
}

/** A document by its SHA-256, `undefined` where it is not there or its bytes are others. */
export async function findPolicyDocument(
  reader: Reader,
  digest: string,
): Promise<string | undefined> {
  const row = await reader
    .selectFrom('document')
    .select('body')
    .where('sha256', '=', digest)
    .executeTakeFirst()
  return row !== undefined && sha256(row.body) === digest ? row.body : undefined
}

/**
 * Keeps a document under its SHA-256, and answers that. Documents are written once: where the bytes that lie there were
 * damaged, `copy` makes another document of the same content.
 */
export async function keepPolicyDocument(
  tx: Writer,
  document: Readonly<Record<string, Json>>,
): Promise<string> {
  for (let copy = 0; copy < DOCUMENT_TRIES; copy += 1) {
    const body = canonicalJson(copy === 0 ? document : { ...document, copy })
    const digest = sha256(body)
    await tx
      .insertInto('document')
      .values({ sha256: digest, body })
      .onConflict((conflict) => conflict.column('sha256').doNothing())
      .execute()
    if ((await findPolicyDocument(tx, digest)) !== undefined) return digest
  }
  throw new Error('every copy of the document is damaged')
}

/** Keeps a schema as the document of its digest: whoever replays a decision later has another program, with another one. */
export async function keepPolicySchema(tx: Writer, schema: string): Promise<void> {
  await tx
    .insertInto('document')
    .values({ sha256: sha256(schema), body: schema })
    .onConflict((conflict) => conflict.column('sha256').doNothing())
    .execute()
}
