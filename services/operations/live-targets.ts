import {
  pageOfLiveRows,
  versionsReached,
  type AliasRecord,
  type FunctionRecord,
  type LiveRowsAsked,
  type VersionRecord,
} from '../catalog/index.ts'
import { LATEST, functionArn, type Place } from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import { aliasFacts } from './alias-plan.ts'
import type { Change, ChangeFactsInput } from './change.ts'
import { decisionsById, type DecisionDocument, type DecisionsById } from './decisions.ts'
import { configured, subjectsOf } from './release-plan.ts'

/** What a name reaches: an alias's first and second version, what it served before, or what `$LATEST` serves. */
export type LiveRole = 'alias' | 'canary' | 'rollback' | 'latest'

/** One version behind one name. */
export interface LiveTarget {
  readonly functionName: string
  /** An alias's name, or `$LATEST`. */
  readonly alias: string
  readonly role: LiveRole
  readonly version: string
  /** Its share of the alias's calls; 0 of what was served before. */
  readonly weight: number
  /** The version in the alias's first slot. */
  readonly serves: string
  readonly owner: FunctionRecord
  readonly record: VersionRecord
  /** The decision that let it become live. */
  readonly inForce: DecisionDocument
}

/** Earlier versions of one alias that are looked at, the latest first: what somebody would go back to. */
const ROLLBACK_TARGETS_LIMIT = 5

/** The targets of a page of functions, by name; `next` where there are more. */
export async function readLiveTargets(
  reader: Reader,
  asked: LiveRowsAsked,
): Promise<{ readonly targets: readonly LiveTarget[]; readonly next: string | undefined }> {
  const { owners, aliases } = await pageOfLiveRows(reader, asked)
  const byId = new Map(owners.map((owner) => [owner.id, owner]))
  const before = await readEarlier(reader, owners)
  const named = [
    ...owners.flatMap(latestOf),
    ...aliases.flatMap((alias) => namedBy(byId.get(alias.functionId), alias, before)),
  ]
  const versions = await readVersions(reader, named)
  const decisions = await decisionsById(reader, [
    ...named.flatMap(({ decisionId }) => (decisionId === undefined ? [] : [decisionId])),
    ...[...versions.values()].map(({ decisionId }) => decisionId),
  ])
  const targets = named.flatMap((one) => toTarget(one, versions, decisions))
  return { targets, next: owners.length < asked.limit ? undefined : owners.at(-1)?.name }
}

/** A name with what it reaches, before the rows behind it are read. */
interface Named extends Pick<LiveTarget, 'alias' | 'role' | 'version' | 'weight' | 'serves'> {
  readonly owner: FunctionRecord
  /** `undefined`: the version's own. */
  readonly decisionId: string | undefined
}

function latestOf(owner: FunctionRecord): Named[] {
  if (owner.serving === null) return []
  const one = { alias: LATEST, version: LATEST, serves: LATEST, weight: 1, role: 'latest' as const }
  return [{ ...one, owner, decisionId: undefined }]
}

function namedBy(
  owner: FunctionRecord | undefined,
  { name: alias, version, routing, decisionId }: AliasRecord,
  before: ReadonlyMap<string, readonly Earlier[]>,
): Named[] {
  if (owner === undefined) return []
  const common = { alias, owner, serves: version }
  const served = [version, routing?.version]
  const earlier = (before.get(earlierKey(owner.name, alias)) ?? [])
    .filter((one) => !served.includes(one.version))
    .slice(0, ROLLBACK_TARGETS_LIMIT)
  return [
    { ...common, role: 'alias', version, weight: 1 - (routing?.weight ?? 0), decisionId },
    ...(routing === null ? [] : [{ ...common, role: 'canary' as const, ...routing, decisionId }]),
    ...earlier.map((one) => ({ ...common, role: 'rollback' as const, weight: 0, ...one })),
  ]
}

interface Earlier {
  readonly version: string
  readonly decisionId: string
}

function earlierKey(functionName: string, alias: string): string {
  return `${functionName}:${alias}`
}

/** Versions that an alias served and serves no more, the latest first, each once. */
async function readEarlier(
  reader: Reader,
  owners: readonly FunctionRecord[],
): Promise<ReadonlyMap<string, readonly Earlier[]>> {
  if (owners.length === 0) return new Map()
  const rows = await reader
    .selectFrom('live_interval')
    .select(['function_name', 'alias', 'version', 'decision_id'])
    .where(
      'function_name',
      'in',
      owners.map(({ name }) => name),
    )
    .where('to_ms', 'is not', null)
    .where('slot', '=', 'primary')
    .orderBy('id', 'desc')
    .execute()
  const found = new Map<string, Earlier[]>()
  for (const row of rows) {
    // A version by its own number goes with its function alone.
    if (row.version === LATEST || row.alias === row.version) continue
    const key = earlierKey(row.function_name, row.alias)
    const known = found.get(key) ?? []
    found.set(key, known)
    if (known.every(({ version }) => version !== row.version))
      known.push({ version: row.version, decisionId: row.decision_id })
  }
  return found
}

function rowKey(functionId: string, version: string): string {
  return `${functionId} ${version}`
}

async function readVersions(
  reader: Reader,
  named: readonly Named[],
): Promise<ReadonlyMap<string, VersionRecord>> {
  const numbers = new Map<string, Set<string>>()
  const rows = new Set<string>()
  for (const { owner, version } of named) {
    if (version === LATEST) {
      if (owner.serving !== null) rows.add(owner.serving)
      continue
    }
    const known = numbers.get(owner.id) ?? new Set()
    numbers.set(owner.id, known.add(version))
  }
  const found = await versionsReached(reader, { rows: [...rows], numbers })
  return new Map(found.map((one) => [rowKey(one.functionId, one.version), one]))
}

function toTarget(
  { owner, decisionId, ...named }: Named,
  versions: ReadonlyMap<string, VersionRecord>,
  decisions: DecisionsById,
): LiveTarget[] {
  const record = versions.get(rowKey(owner.id, named.version))
  const inForce = decisions.get(decisionId ?? record?.decisionId ?? '')
  // A version that was deleted since cannot be gone back to.
  if (record === undefined || inForce === undefined) return []
  return [{ ...named, functionName: owner.name, owner, record, inForce }]
}

/** A "move" to what is served already: what the gate would be asked, were it made now. */
export function moveTo(
  place: Place,
  target: LiveTarget,
): Pick<Change<unknown>, 'action' | 'resource' | 'read'> {
  const { functionName, alias, owner } = target
  const facts = (): Promise<ChangeFactsInput> => Promise.resolve(moveFacts(place, target))
  if (target.role === 'latest')
    return {
      action: 'lambda:UpdateFunctionCode',
      resource: functionArn(place, owner.name),
      read: facts,
    }
  return {
    action: 'lambda:UpdateAlias',
    resource: functionArn(place, functionName, alias),
    read: facts,
  }
}

function moveFacts(place: Place, target: LiveTarget): ChangeFactsInput {
  const { owner, record, role, version, weight, serves } = target
  if (role === 'latest') {
    return {
      change: { from: record.release, to: record.release },
      release: record.release,
      subjects: subjectsOf(place, record),
      codeSigningConfigId: owner.codeSigningConfigId,
      ...configured(record.configuration),
    }
  }
  const input = aliasFacts(place, owner, {
    from: serves,
    target: { version, routing: null },
    reached: [record],
  })
  return role === 'canary' ? { ...input, change: { ...input.change, weight } } : input
}
