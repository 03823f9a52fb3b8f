import {
  findAlias,
  type FunctionRecord,
  type SettingDocument,
  type VersionRecord,
} from '../catalog/index.ts'
import { LATEST, PlatformError, functionArn, type Decision } from '../model/index.ts'
import type { Reader, Writer } from '../store/index.ts'
import { aliasConflict, aliasFacts, reachedVersions, sameReach } from './alias-plan.ts'
import type { Caller, Deps } from './context.ts'
import { getFunctionRecord } from './function-reference.ts'
import { govern, type Admitted, type Committed } from './gate.ts'

/** The versions that a qualifier reaches now; `undefined` where there is no such alias or version. */
export async function findReach(
  deps: Deps,
  reader: Reader,
  owner: FunctionRecord,
  qualifier: string,
): Promise<{ readonly version: string; readonly reached: readonly VersionRecord[] } | undefined> {
  const named = qualifier === LATEST || /^[0-9]+$/.test(qualifier)
  const alias = named ? undefined : await findAlias(reader, owner.id, qualifier)
  if (!named && alias === undefined) return undefined
  const target = alias ?? { version: qualifier, routing: null }
  try {
    const reached = await reachedVersions(reader, deps.place, owner, target)
    return { version: target.version, reached }
  } catch (error) {
    if (error instanceof PlatformError && error.code === 'FUNCTION_NOT_FOUND') return undefined
    throw error
  }
}

export interface OpenedReach<T> {
  /** AWS's name of the operation. */
  readonly action: string
  readonly functionName: string
  /** `$LATEST` for the function itself. */
  readonly qualifier: string
  /** What opens it, for the decision: `url`, `event source ARN`. */
  readonly by: string
  /** Existence and guards, before the decision and again in the transaction; throws in AWS's words. */
  check(reader: Reader, owner: FunctionRecord): Promise<void>
  /** Says that a qualifier is not there. */
  missing(): PlatformError
  write(tx: Writer, owner: FunctionRecord, admitted: Admitted, atMs: number): Promise<Committed<T>>
}

/**
 * A new way to code, or capacity for it: every version that the qualifier reaches is judged as an upload is
 * (RULES, promise P2: URL creation, event source, provisioned capacity).
 */
export async function openReach<T>(
  deps: Deps,
  caller: Caller,
  opened: OpenedReach<T>,
): Promise<{ readonly result: T; readonly decision: Decision }> {
  const { functionName, qualifier } = opened
  const look = async (reader: Reader) => {
    const owner = await getFunctionRecord(reader, deps.place, {
      name: functionName,
      qualifier: undefined,
    })
    await opened.check(reader, owner)
    const found = await findReach(deps, reader, owner, qualifier)
    if (found === undefined) throw opened.missing()
    return { owner, ...found }
  }
  let judged: Awaited<ReturnType<typeof look>> | undefined
  return await govern(deps, caller, {
    action: opened.action,
    resource: functionArn(deps.place, functionName, qualifier),
    raisesWorld: false,
    read: async (reader) => {
      judged = await look(reader)
      const { owner, version, reached } = judged
      const facts = aliasFacts(deps.place, owner, {
        from: null,
        target: { version, routing: null },
        reached,
      })
      return { ...facts, change: { from: null, to: opened.by } }
    },
    commit: async (tx, admitted, atMs) => {
      const { owner, reached } = await look(tx)
      // What was judged is what it now reaches, under the config it was judged by.
      if (
        judged?.owner.codeSigningConfigId !== owner.codeSigningConfigId ||
        !sameReach(judged.reached, reached)
      )
        throw aliasConflict(deps.place, functionName, qualifier)
      return await opened.write(tx, owner, admitted, atMs)
    },
  })
}

export function numberIn(document: SettingDocument | undefined, name: string): number | undefined {
  const value = document?.[name]
  return typeof value === 'number' ? value : undefined
}
