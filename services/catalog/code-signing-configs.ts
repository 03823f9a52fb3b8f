import {
  codeSigningConfigArn,
  functionArn,
  parsePublisherVersionArn,
  type Place,
  type SigningConfigFacts,
} from '../model/index.ts'
import type { CodeSigningConfigTable, Reader, Writer } from '../store/index.ts'
import { findSigningRequirements } from './signing-requirements.ts'

export type SigningPolicy = CodeSigningConfigTable['policy']

/** An ARN as the caller gave it, with what it named at the moment the config was saved (RULES §4). */
export interface AllowedPublisher {
  readonly arn: string
  readonly publisherId: string | null
  readonly version: string | null
}

export interface CodeSigningConfig {
  readonly id: string
  readonly arn: string
  readonly description: string
  readonly policy: SigningPolicy
  readonly publishers: readonly AllowedPublisher[]
  readonly tags: Readonly<Record<string, string>>
  readonly lastModifiedMs: number
}

/** The id in a code signing config ARN of this place; an ARN of elsewhere names nothing here. */
export function codeSigningConfigId(place: Place, arn: string): string | undefined {
  const id = arn.slice(arn.lastIndexOf(':') + 1)
  return arn === codeSigningConfigArn(place, id) ? id : undefined
}

export async function findCodeSigningConfig(
  reader: Reader,
  place: Place,
  id: string,
): Promise<CodeSigningConfig | undefined> {
  const row = await reader
    .selectFrom('code_signing_config')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst()
  return row === undefined ? undefined : toConfig(place, row)
}

/** A page by id, after `after`. */
export async function listCodeSigningConfigs(
  reader: Reader,
  place: Place,
  page: { readonly after: string | undefined; readonly limit: number },
): Promise<CodeSigningConfig[]> {
  let query = reader.selectFrom('code_signing_config').selectAll().orderBy('id').limit(page.limit)
  if (page.after !== undefined) query = query.where('id', '>', page.after)
  return (await query.execute()).map((row) => toConfig(place, row))
}

function toConfig(place: Place, row: CodeSigningConfigTable): CodeSigningConfig {
  return {
    id: row.id,
    arn: codeSigningConfigArn(place, row.id),
    description: row.description,
    policy: row.policy,
    publishers: JSON.parse(row.publishers) as AllowedPublisher[],
    tags: JSON.parse(row.tags) as Record<string, string>,
    lastModifiedMs: row.last_modified,
  }
}

/**
 * What each ARN names now. What names nothing (or no version) is kept as given and trusts nothing, also after
 * somebody creates that name, until the config is saved again (RULES §4).
 */
export async function resolveAllowedPublishers(
  reader: Reader,
  place: Place,
  arns: readonly string[],
): Promise<AllowedPublisher[]> {
  const resolved: AllowedPublisher[] = []
  for (const arn of arns) {
    const reference = parsePublisherVersionArn(place, arn)
    const row =
      reference === undefined
        ? undefined
        : await reader
            .selectFrom('publisher')
            .innerJoin('publisher_version', 'publisher_version.publisher_id', 'publisher.id')
            .select(['publisher.id', 'publisher_version.version'])
            .where('publisher.name', '=', reference.name)
            .where('publisher_version.version', '=', reference.version)
            .executeTakeFirst()
    resolved.push({ arn, publisherId: row?.id ?? null, version: row?.version ?? null })
  }
  return resolved
}

export async function insertCodeSigningConfig(
  tx: Writer,
  config: Omit<CodeSigningConfig, 'arn'>,
): Promise<void> {
  await tx.insertInto('code_signing_config').values(toRow(config)).execute()
}

export async function updateCodeSigningConfig(
  tx: Writer,
  config: Omit<CodeSigningConfig, 'arn'>,
): Promise<void> {
  const { id, ...columns } = toRow(config)
  await tx.updateTable('code_signing_config').set(columns).where('id', '=', id).execute()
}

export async function deleteCodeSigningConfig(tx: Writer, id: string): Promise<void> {
  await tx.deleteFrom('code_signing_config').where('id', '=', id).execute()
}

function toRow(config: Omit<CodeSigningConfig, 'arn'>): CodeSigningConfigTable {
  return {
    id: config.id,
    description: config.description,
    policy: config.policy,
    publishers: JSON.stringify(config.publishers),
    tags: JSON.stringify(config.tags),
    last_modified: config.lastModifiedMs,
  }
}

/** What of a function row matters here. */
export interface SignedFunction {
  readonly id: string
  readonly name: string
  readonly codeSigningConfigId: string | null
}

/** The function of that name and the config attached to it. */
export async function findSignedFunction(
  reader: Reader,
  name: string,
): Promise<SignedFunction | undefined> {
  const row = await reader
    .selectFrom('function')
    .select(['id', 'name', 'code_signing_config_id'])
    .where('name', '=', name)
    .executeTakeFirst()
  if (row === undefined) return undefined
  return { id: row.id, name: row.name, codeSigningConfigId: row.code_signing_config_id }
}

/** Unqualified ARNs of the functions that a config is attached to, by name, after `after`. */
export async function listFunctionsByCodeSigningConfig(
  reader: Reader,
  place: Place,
  page: { readonly id: string; readonly after: string | undefined; readonly limit: number },
): Promise<{ readonly name: string; readonly arn: string }[]> {
  let query = reader
    .selectFrom('function')
    .select('name')
    .where('code_signing_config_id', '=', page.id)
    .orderBy('name')
    .limit(page.limit)
  if (page.after !== undefined) query = query.where('name', '>', page.after)
  const rows = await query.execute()
  return rows.map((row) => ({ name: row.name, arn: functionArn(place, row.name) }))
}

/** Attaches, changes or (null) detaches. */
export async function setFunctionCodeSigningConfig(
  tx: Writer,
  functionId: string,
  configId: string | null,
): Promise<void> {
  await tx
    .updateTable('function')
    .set({ code_signing_config_id: configId })
    .where('id', '=', functionId)
    .execute()
}

/**
 * What the gate judges by: the policy and the publisher versions that count. An ARN that named nothing when
 * the config was saved is left out, whatever exists by now.
 */
export async function signingConfigFor(
  reader: Reader,
  place: Place,
  configId: string,
): Promise<SigningConfigFacts | undefined> {
  const config = await findCodeSigningConfig(reader, place, configId)
  if (config === undefined) return undefined
  const requirements = await findSigningRequirements(reader, configId)
  return {
    arn: config.arn,
    policy: config.policy,
    ...(requirements !== undefined && { requirements }),
    allowedPublishers: config.publishers
      .filter((publisher) => publisher.publisherId !== null)
      .map((publisher) => publisher.arn),
  }
}
