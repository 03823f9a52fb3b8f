import {
  LATEST,
  functionArn,
  type ConcurrencyCap,
  type Place,
  type Reach,
  type ReleaseSpec,
} from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import { refusalKey } from './compliance.ts'
import { toReleaseSpec } from './release-spec.ts'
import { readUrls, type LiveUrl } from './urls.ts'

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
  /** By the function's name: it was there before the function, and outlives it. */
  readonly reach: Reach
  readonly urls: readonly LiveUrl[]
  /** Releases of versions that are run for nobody. */
  readonly refused: ReadonlySet<string>
  /** Rises whenever a release, an alias, a version or all of it is taken out of use. */
  readonly generation: number
}

/** Whether a release is run for nobody, by whichever name it is asked for (RULES §6). */
export function isRefused(
  { name, refused }: LiveFunction,
  { version, spec }: LiveVersion,
): boolean {
  return refused.size > 0 && refused.has(refusalKey(name, version, spec.release))
}

/** Whether a version, or `$LATEST`, can be invoked by its own name (RULES §6). */
export function isDirect({ mode, direct }: Reach, version: string): boolean {
  return mode === 'all' || direct.includes(version)
}

/**
 * Reads functions (all, or the named ones) as they are committed. Published versions never change but for their state:
 * of those in `known` that row alone is looked at, and what was made of the others is taken as it is.
 */
export async function readLiveFunctions(
  reader: Reader,
  place: Place,
  names?: readonly string[],
  known?: ReadonlyMap<string, LiveFunction>,
): Promise<Map<string, LiveFunction>> {
  let functions = reader.selectFrom('function').select(['id', 'name', 'serving', 'pending'])
  if (names !== undefined) functions = functions.where('name', 'in', [...names])
  const found = new Map<string, LiveFunction>()
  const reach = await readReach(reader, names)
  const refused = await readRefused(reader, names)
  const generations = await readGenerations(reader, names)
  for (const row of await functions.execute()) {
    const versions = await readVersions(reader, place, row, known?.get(row.name))
    const aliases = await readAliases(reader, row.id)
    const concurrency = await readConcurrency(reader, row.id, aliases)
    const urls = await readUrls(reader, row)
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
        reach: reach.get(row.name) ?? OPEN,
        urls,
        refused: refused.get(row.name) ?? NONE,
        generation: generations.get(row.name) ?? 0,
      }),
    )
  }
  return found
}

const OPEN: Reach = Object.freeze({ mode: 'all', direct: Object.freeze([]) })

const NONE: ReadonlySet<string> = new Set()

async function readRefused(
  reader: Reader,
  names?: readonly string[],
): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  let query = reader.selectFrom('version_refusal').selectAll()
  if (names !== undefined) query = query.where('function_name', 'in', [...names])
  const found = new Map<string, Set<string>>()
  for (const { function_name: name, version, release } of await query.execute()) {
    const known = found.get(name) ?? new Set()
    found.set(name, known.add(refusalKey(name, version, release)))
  }
  return found
}

async function readGenerations(
  reader: Reader,
  names?: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  let query = reader
    .selectFrom('function_name')
    .select(['name', 'generation'])
    .where('generation', 'is not', null)
  if (names !== undefined) query = query.where('name', 'in', [...names])
  return new Map((await query.execute()).map((row) => [row.name, row.generation ?? 0]))
}

async function readReach(
  reader: Reader,
  names?: readonly string[],
): Promise<ReadonlyMap<string, Reach>> {
  let query = reader.selectFrom('function_reach').selectAll()
  if (names !== undefined) query = query.where('function_name', 'in', [...names])
  return new Map(
    (await query.execute()).map((row) => [
      row.function_name,
      Object.freeze({ mode: row.mode, direct: JSON.parse(row.direct) as string[] }),
    ]),
  )
}

async function readVersions(
  reader: Reader,
  place: Place,
  owner: { readonly id: string; readonly name: string },
  known: LiveFunction | undefined,
): Promise<Candidate[]> {
  const { kept, changed } = await keptVersions(reader, owner.id, known)
  let fresh = reader
    .selectFrom('function_version')
    .innerJoin('artifact', 'artifact.code_sha256', 'function_version.code_sha256')
    .selectAll('function_version')
    .select('artifact.tree')
    .where('function_version.function_id', '=', owner.id)
  // Few, after one change; a statement takes so many values and no more.
  if (kept.length > 0) fresh = fresh.where('function_version.id', 'in', changed)
  const rows = await fresh.execute()
  const made = rows.map((row) => ({
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
  return [...kept, ...made]
}

interface Candidate {
  readonly id: string
  readonly live: LiveVersion
}

/** Published versions that are what they were: of the same function, release, decision and state. */
async function keptVersions(
  reader: Reader,
  functionId: string,
  known: LiveFunction | undefined,
): Promise<{ readonly kept: readonly Candidate[]; readonly changed: readonly string[] }> {
  if (known === undefined) return { kept: [], changed: [] }
  const rows = await reader
    .selectFrom('function_version')
    .select(['id', 'version', 'state', 'state_reason', 'release', 'decision_id'])
    .where('function_id', '=', functionId)
    .execute()
  const kept: Candidate[] = []
  const changed: string[] = []
  for (const row of rows) {
    // `$LATEST` is not among them.
    const live = known.versions.get(row.version)
    const same =
      live?.spec.functionId === functionId &&
      live.spec.release === row.release &&
      live.spec.decisionId === row.decision_id &&
      live.state === row.state &&
      live.reason === (row.state_reason ?? undefined)
    if (same) kept.push({ id: row.id, live })
    else changed.push(row.id)
  }
  return changed.length > CHANGED_MAX ? { kept: [], changed: [] } : { kept, changed }
}

/** Beyond it everything is read anew. */
const CHANGED_MAX = 1_000

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
