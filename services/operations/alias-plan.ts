import {
  findPublishedVersion,
  findServing,
  type AliasRecord,
  type AliasRouting,
  type FunctionRecord,
  type VersionRecord,
} from '../catalog/index.ts'
import {
  LATEST,
  PlatformError,
  functionArn,
  restOf,
  type Place,
  type Sha256,
  type Share,
} from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import { functionNotFound, updateInProgress } from './function-reference.ts'
import type { AliasMove, ChangeFactsInput, Subject } from './change.ts'
import type { PlannedContent } from './plan-use.ts'
import { configured, subjectsOf } from './release-plan.ts'

/** Where an alias points. */
export interface AliasTarget {
  readonly version: string
  readonly routing: AliasRouting | null
}

/**
 * The versions an alias would reach: both of them are judged, with their layers, since both would run.
 * @throws PlatformError FUNCTION_NOT_FOUND, INVALID_PARAMETER (recorded sentences)
 */
export async function reachedVersions(
  reader: Reader,
  place: Place,
  owner: FunctionRecord,
  target: AliasTarget,
): Promise<VersionRecord[]> {
  const { version, routing } = target
  if (routing !== null) refuseRouting(version, routing)
  const reached: VersionRecord[] = []
  for (const number of routing === null ? [version] : [version, routing.version]) {
    const found =
      number === LATEST
        ? await findServing(reader, owner)
        : await findPublishedVersion(reader, owner.id, number)
    if (found === undefined) throw functionNotFound(place, owner.name, number)
    reached.push(found)
  }
  return reached
}

function refuseRouting(version: string, routing: AliasRouting): void {
  if (version === LATEST) {
    throw new PlatformError(
      'INVALID_PARAMETER',
      '$LATEST is not supported for an alias pointing to more than 1 version',
    )
  }
  if (version === routing.version) {
    throw new PlatformError(
      'INVALID_PARAMETER',
      `Invalid function version ${version}. Function version ${version} is already included in routing configuration.`,
    )
  }
}

/** What an alias that points there would give each release. */
export function sharesOf(
  target: AliasTarget,
  reached: readonly { readonly version: string; readonly release: Sha256 }[],
): Share[] {
  const second = target.routing?.weight ?? 0
  return reached.flatMap(({ version, release }, at) => {
    const weight = at === 0 ? restOf(second) : second
    return weight > 0 ? [{ version, release, weight }] : []
  })
}

/** An alias move is judged as an upload is (DESIGN §5): subjects are all that it would make reachable. */
export function aliasFacts(
  place: Place,
  owner: FunctionRecord,
  move: {
    readonly from: string | null
    readonly target: AliasTarget
    readonly reached: readonly VersionRecord[]
    /** Of the alias that moves; without one nothing does. */
    readonly alias?: string
  },
): ChangeFactsInput {
  const { from, target, reached, alias } = move
  const subjects = new Map<string, Subject>()
  for (const subject of reached.flatMap((version) => subjectsOf(place, version)))
    subjects.set(subject.arn, subject)
  return {
    change: {
      from,
      to: target.version,
      ...(target.routing === null ? {} : { weight: target.routing.weight }),
    },
    release: reached[0]?.release ?? null,
    shares: sharesOf(target, reached),
    subjects: [...subjects.values()],
    codeSigningConfigId: owner.codeSigningConfigId,
    ...configured(...reached.map(({ configuration }) => configuration)),
    ...(alias === undefined
      ? {}
      : { moves: [aliasMove(place, owner, { alias, target, reached })] }),
  }
}

/** What a plan of a move is bound to: where to, over which rows, and from which state of the alias. */
export function aliasPlan(
  move:
    | {
        readonly owner?: FunctionRecord
        readonly alias?: AliasRecord
        readonly target: AliasTarget
        readonly reached: readonly VersionRecord[]
      }
    | undefined,
  description: string | undefined,
): PlannedContent {
  const { version, routing } = move?.target ?? { version: '', routing: null }
  return {
    content: {
      version,
      routing: routing === null ? null : { ...routing },
      description: description ?? null,
    },
    rows: {
      alias: move?.alias?.revisionId ?? null,
      config: move?.owner?.codeSigningConfigId ?? null,
      versions: (move?.reached ?? []).map(({ id, codeSha256 }) => ({ id, codeSha256 })),
    },
  }
}

/** Both versions with the share of calls that each would get. */
function aliasMove(
  place: Place,
  owner: FunctionRecord,
  move: {
    readonly alias: string
    readonly target: AliasTarget
    readonly reached: readonly VersionRecord[]
  },
): AliasMove {
  const { alias, target, reached } = move
  const second = target.routing?.weight ?? 0
  const shares = reached.map(({ version, release }, at) => ({
    subject: functionArn(place, owner.name, version),
    release,
    share: at === 0 ? 1 - second : second,
  }))
  return { functionName: owner.name, alias, shares }
}

/**
 * An alias takes `$LATEST` only as it is: what is still being prepared would follow without having been judged for it.
 * @throws PlatformError RESOURCE_CONFLICT
 */
export function refusePending(place: Place, owner: FunctionRecord, target: AliasTarget): void {
  if (target.version === LATEST && owner.serving !== null && owner.pending !== null)
    throw updateInProgress(place, owner.name)
}

/** What was judged is what is written: the versions reached are the same rows, and the config the same. */
export function sameReach(
  judged: readonly VersionRecord[],
  now: readonly VersionRecord[],
): boolean {
  return judged.length === now.length && judged.every((one, at) => one.id === now[at]?.id)
}

export function aliasConflict(place: Place, name: string, alias: string): PlatformError {
  return new PlatformError(
    'RESOURCE_CONFLICT',
    `The operation cannot be performed at this time. An update is in progress for resource: ${functionArn(place, name, alias)}`,
  )
}
