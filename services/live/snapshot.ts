import {
  LATEST,
  functionArn,
  type ConcurrencyCap,
  type Place,
  type ReleaseSpec,
} from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import { toReleaseSpec } from './release-spec.ts'

/** A version as it can be reached: its spec, or why it cannot run. */
export interface LiveVersion {
  readonly version: string
  readonly state: 'Pending' | 'Active' | 'Inactive' | 'Failed'
  readonly reason: string | undefined
  readonly spec: ReleaseSpec
}

export interface LiveAlias {
  readonly name: string
  readonly version: string
  readonly routing: { readonly version: string; readonly weight: number } | undefined
  readonly decisionId: string
}

/** One function in the frozen snapshot that the warm path reads. */
export interface LiveFunction {
  readonly name: string
  readonly arn: string
  /** What `$LATEST` serves; `undefined` until the first code is active. */
  readonly latest: LiveVersion | undefined
  readonly versions: ReadonlyMap<string, LiveVersion>
  readonly aliases: ReadonlyMap<string, LiveAlias>
  /** `undefined` where nothing is reserved and nothing provisioned. */
  readonly concurrency: ConcurrencyCap | undefined
}

/** Reads functions (all, or the named ones) as they are committed. */
export async function readLiveFunctions(
  reader: Reader,
  place: Place,
  names?: readonly string[],
): Promise<Map<string, LiveFunction>> {
  let functions = reader.selectFrom('function').select(['id', 'name', 'serving', 'pending'])
  if (names !== undefined) functions = functions.where('name', 'in', [...names])
  const found = new Map<string, LiveFunction>()
  for (const row of await functions.execute()) {
    const versions = await readVersions(reader, place, row)
    const aliases = await readAliases(reader, row.id)
    const concurrency = await readConcurrency(reader, row.id, aliases)
    const latestId = row.serving ?? row.pending
    const latest = versions.find((candidate) => candidate.id === latestId)
    found.set(
      row.name,
      Object.freeze({
        name: row.name,
        arn: functionArn(place, row.name),
        latest: latest?.live,
        versions: new Map(
          versions
            .filter((candidate) => candidate.live.version !== LATEST)
            .map((candidate) => [candidate.live.version, candidate.live] as const),
        ),
        aliases,
        concurrency,
      }),
    )
  }
  return found
}

async function readVersions(
  reader: Reader,
  place: Place,
  owner: { readonly id: string; readonly name: string },
): Promise<{ readonly id: string; readonly live: LiveVersion }[]> {
  const rows = await reader
    .selectFrom('function_version')
    .innerJoin('artifact', 'artifact.code_sha256', 'function_version.code_sha256')
    .selectAll('function_version')
    .select('artifact.tree')
    .where('function_version.function_id', '=', owner.id)
    .execute()
  return rows.map((row) => ({
    id: row.id,
    live: Object.freeze({
      version: row.version,
      state: row.state,
      reason: row.state_reason ?? undefined,
      spec: toReleaseSpec(place, {
        functionId: owner.id,
        functionName: owner.name,
        version: row.version,
        configuration: row.configuration,
        codeSha256: row.code_sha256,
        tree: row.tree,
        layers: row.layers,
        release: row.release,
        decisionId: row.decision_id,
      }),
    }),
  }))
}

async function readAliases(reader: Reader, functionId: string): Promise<Map<string, LiveAlias>> {
  const rows = await reader
    .selectFrom('alias')
    .selectAll()
    .where('function_id', '=', functionId)
    .execute()
  return new Map(
    rows.map((row) => [
      row.name,
      Object.freeze({
        name: row.name,
        version: row.version,
        routing:
          row.routing_version === null || row.routing_weight === null
            ? undefined
            : { version: row.routing_version, weight: row.routing_weight },
        decisionId: row.decision_id,
      }),
    ]),
  )
}

/** What is provisioned for an alias is its first version's (SPEC A15). */
async function readConcurrency(
  reader: Reader,
  functionId: string,
  aliases: ReadonlyMap<string, LiveAlias>,
): Promise<ConcurrencyCap | undefined> {
  const rows = await reader
    .selectFrom('function_setting')
    .select(['kind', 'qualifier', 'document'])
    .where('function_id', '=', functionId)
    .where('kind', 'in', ['reserved-concurrency', 'provisioned-concurrency'])
    .execute()
  if (rows.length === 0) return undefined
  let reserved: number | undefined
  const provisioned = new Map<string, number>()
  for (const row of rows) {
    const document = JSON.parse(row.document) as {
      readonly ReservedConcurrentExecutions?: number
      readonly ProvisionedConcurrentExecutions?: number
    }
    reserved ??= document.ReservedConcurrentExecutions
    const count = document.ProvisionedConcurrentExecutions
    const version = aliases.get(row.qualifier)?.version ?? row.qualifier
    if (count !== undefined) provisioned.set(version, (provisioned.get(version) ?? 0) + count)
  }
  return { reserved, provisioned }
}
