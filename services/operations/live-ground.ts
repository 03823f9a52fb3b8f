import {
  listBreakGlass,
  listFloorExceptions,
  listFloorRules,
  revocations,
  signingConfigFor,
  trustedPublishers,
} from '../catalog/index.ts'
import {
  isInForce,
  type ExceptionFacts,
  type FetchedRevocationList,
  type FloorExceptionFact,
  type FloorFact,
  type Place,
  type Reach,
  type Revocation,
  type SigningConfigFacts,
  type TrustedPublisher,
} from '../model/index.ts'
import { floorsAt, nextFloorRise } from '../policy/index.ts'
import type { Reader } from '../store/index.ts'
import { fetchedLists, readBesideArtifacts, type BesideArtifacts } from './facts.ts'
import { readFloorGround } from './stage-facts.ts'

/** The floor of one alias, and until when it stays there by itself. */
export interface GroundFloor {
  readonly floors: readonly FloorFact[]
  readonly exceptions: readonly FloorExceptionFact[]
  readonly validUntilMs: number | undefined
  /** The same floors and exceptions have the same key. */
  readonly key: string
}

/** The config of a function; one that is named and not there refuses, it does not mean "none". */
export type GroundConfig =
  | { readonly kind: 'none' }
  | { readonly kind: 'missing'; readonly id: string }
  | { readonly kind: 'config'; readonly config: SigningConfigFacts; readonly key: string }

/** What the judgements of one snapshot have in common, read in few statements whatever is live. */
export interface LiveGround {
  readonly atMs: number
  readonly publishers: readonly TrustedPublisher[]
  readonly revocations: readonly Revocation[]
  readonly revocationLists: readonly FetchedRevocationList[]
  /** Where it is of all functions: of a few it is looked up. */
  readonly beside?: BesideArtifacts
  /** By the function's name. */
  readonly configs: ReadonlyMap<string, GroundConfig>
  readonly reach: ReadonlyMap<string, Reach['mode']>
  /** By FUNCTION:ALIAS. */
  readonly exceptions: ReadonlyMap<string, readonly ExceptionFacts[]>
  readonly floors: ReadonlyMap<string, GroundFloor>
}

/** Of all functions, or of those named. */
export async function readLiveGround(
  reader: Reader,
  place: Place,
  { atMs, names }: { readonly atMs: number; readonly names?: readonly string[] | undefined },
): Promise<LiveGround> {
  const publishers = await trustedPublishers(reader, place, 'all')
  return {
    atMs,
    publishers,
    revocations: await revocations(reader),
    revocationLists: await fetchedLists(reader, publishers),
    ...(names === undefined && { beside: await readBesideArtifacts(reader) }),
    configs: await readConfigs(reader, place, names),
    reach: await readReaches(reader, names),
    exceptions: await readExceptions(reader, atMs),
    floors: await readFloors(reader, atMs, names),
  }
}

async function readConfigs(
  reader: Reader,
  place: Place,
  names: readonly string[] | undefined,
): Promise<ReadonlyMap<string, GroundConfig>> {
  let query = reader.selectFrom('function').select(['name', 'code_signing_config_id as id'])
  if (names !== undefined) query = query.where('name', 'in', [...names])
  const rows = await query.execute()
  const configs = new Map<string | null, GroundConfig>([[null, { kind: 'none' }]])
  const byName = new Map<string, GroundConfig>()
  for (const { name, id } of rows) {
    const known = configs.get(id) ?? (await readConfig(reader, place, id ?? ''))
    configs.set(id, known)
    byName.set(name, known)
  }
  return byName
}

async function readConfig(reader: Reader, place: Place, id: string): Promise<GroundConfig> {
  const config = await signingConfigFor(reader, place, id)
  if (config === undefined) return { kind: 'missing', id }
  return { kind: 'config', config, key: JSON.stringify(config) }
}

async function readReaches(
  reader: Reader,
  names: readonly string[] | undefined,
): Promise<ReadonlyMap<string, Reach['mode']>> {
  let query = reader.selectFrom('function_reach').select(['function_name', 'mode'])
  if (names !== undefined) query = query.where('function_name', 'in', [...names])
  const rows = await query.execute()
  return new Map(rows.map((row) => [row.function_name, row.mode]))
}

/** Granted ones that are in force: those that are over waive nothing. */
async function readExceptions(
  reader: Reader,
  atMs: number,
): Promise<ReadonlyMap<string, readonly ExceptionFacts[]>> {
  const found = new Map<string, ExceptionFacts[]>()
  for (const one of await listBreakGlass(reader, {})) {
    if (one.second === null || !isInForce(one, atMs)) continue
    const { id, functionName, alias, version, release, scope, requester, second } = one
    const { grantedAtMs, untilMs, endedAtMs } = one
    const key = `${functionName}:${alias}`
    const facts = {
      id, functionName, alias, version, release, scope, requester, second, grantedAtMs, untilMs, endedAtMs,
    } // prettier-ignore
    found.set(key, [...(found.get(key) ?? []), facts])
  }
  return found
}

async function readFloors(
  reader: Reader,
  atMs: number,
  names: readonly string[] | undefined,
): Promise<ReadonlyMap<string, GroundFloor>> {
  const found = new Map<string, GroundFloor>()
  for (const of of await listFloorRules(reader)) {
    if (names?.includes(of.functionName) === false) continue
    const ground = await readFloorGround(reader, of, atMs)
    if (ground === undefined) continue
    const place = `${of.functionName}:${of.alias}`
    const floors = floorsAt(ground).map((floor) => ({ ...floor, place }))
    const exceptions = (await listFloorExceptions(reader, of, atMs)).map(
      ({ id, release, expiresAtMs }) => ({ id, release, expiresAtMs, place }),
    )
    const ends = [nextFloorRise(ground), ...exceptions.map(({ expiresAtMs }) => expiresAtMs)]
    const known = ends.filter((endMs) => endMs !== undefined)
    found.set(place, {
      floors,
      exceptions,
      validUntilMs: known.length === 0 ? undefined : Math.min(...known) - 1,
      key: JSON.stringify([floors, exceptions]),
    })
  }
  return found
}
