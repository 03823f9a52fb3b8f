import {
  findAlias,
  findPublishedVersion,
  type AliasRecord,
  type FunctionRecord,
  type VersionRecord,
} from '../catalog/index.ts'
import { PlatformError, functionArn, type Json, type Random } from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import { reachedVersions, sharesOf } from './alias-plan.ts'
import type { ChangeFactsInput } from './change.ts'
import type { Deps } from './context.ts'
import { functionNotFound, getFunctionRecord } from './function-reference.ts'

/** A version in an alias of a function, as requests for approval and for break-glass name it. */
export interface AskedVersion {
  readonly functionName: string
  readonly alias: string
  readonly version: string
}

export interface FoundVersion {
  readonly owner: FunctionRecord
  /** `undefined` where the move would make it. */
  readonly alias: AliasRecord | undefined
  readonly version: VersionRecord
  /** What the alias gives its release now, 0 to 1. */
  readonly share: number
}

/**
 * The published version that a request names, and what the alias gives its release now.
 * @throws PlatformError FUNCTION_NOT_FOUND, RESOURCE_CONFLICT (it cannot run)
 */
export async function findAskedVersion(
  deps: Pick<Deps, 'place'>,
  reader: Reader,
  { functionName, alias: name, version: number }: AskedVersion,
): Promise<FoundVersion> {
  const { place } = deps
  const owner = await getFunctionRecord(reader, place, { name: functionName, qualifier: undefined })
  const version = await findPublishedVersion(reader, owner.id, number)
  if (version === undefined) throw functionNotFound(place, functionName, number)
  if (version.state === 'Failed') {
    const arn = functionArn(place, functionName, number)
    throw new PlatformError('RESOURCE_CONFLICT', `version \`${arn}\` could not be activated`)
  }
  const alias = await findAlias(reader, owner.id, name)
  const reached = alias === undefined ? [] : await reachedVersions(reader, place, owner, alias)
  const shares = alias === undefined ? [] : sharesOf(alias, reached)
  const share = shares
    .filter(({ release }) => release === version.release)
    .reduce((sum, { weight }) => sum + weight, 0)
  return { owner, alias, version, share }
}

/** Facts of what people say about a move; nothing moves by it. */
export function spokenFacts({ alias, version }: FoundVersion, weight?: number): ChangeFactsInput {
  return {
    change: {
      from: alias?.version ?? null,
      to: version.version,
      ...(weight === undefined ? {} : { weight }),
    },
    release: version.release,
    subjects: [],
    codeSigningConfigId: null,
    environmentNames: [],
  }
}

/** 128 random bits behind a prefix: an id that nobody guesses. */
export function randomId(prefix: 'apr' | 'bg', random: Random): string {
  return `${prefix}-${Buffer.from(random.bytes(16)).toString('hex')}`
}

/** What the ledger tells of a request beside its row. */
export function requestNote(
  one: AskedVersion & { readonly id: string; readonly release: string },
): { [name: string]: Json } {
  const { id, functionName, alias, version, release } = one
  return { request: id, functionName, alias, version, release }
}
