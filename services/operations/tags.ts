import { setFunctionTags, type FunctionRecord } from '../catalog/index.ts'
import { PlatformError, functionArn, limits } from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import { record } from './commit.ts'
import type { Caller, Deps } from './context.ts'
import { getFunctionRecord, locateFunction } from './function-reference.ts'
import type { Committed } from './gate.ts'

export type Tags = Readonly<Record<string, string>>

/** The tags of a function, by its ARN. @throws PlatformError FUNCTION_NOT_FOUND, INVALID_PARAMETER (a version's or alias's) */
export async function listTags(deps: Deps, resource: string): Promise<Tags> {
  const name = locateTagged(deps, resource)
  return (await getOwner(deps, deps.store.reader, name)).tags
}

/** No shipped policy reads a tag; once one does, this passes the gate (RULES §5). */
export async function tagResource(
  deps: Deps,
  caller: Caller,
  input: { readonly resource: string; readonly tags: Tags },
): Promise<void> {
  if (Object.keys(input.tags).length === 0) {
    // Recorded, word for word.
    throw new PlatformError(
      'INVALID_PARAMETER',
      'An error occurred and the request cannot be processed.',
    )
  }
  await changeTags(deps, caller, {
    action: 'lambda:TagResource',
    resource: input.resource,
    change: (before) => ({ ...before, ...input.tags }),
  })
}

export async function untagResource(
  deps: Deps,
  caller: Caller,
  input: { readonly resource: string; readonly keys: readonly string[] },
): Promise<void> {
  const gone = new Set(input.keys)
  await changeTags(deps, caller, {
    action: 'lambda:UntagResource',
    resource: input.resource,
    change: (before) =>
      Object.fromEntries(Object.entries(before).filter(([key]) => !gone.has(key))),
  })
}

/** @throws PlatformError INVALID_PARAMETER */
export function checkTagCount(tags: Tags): void {
  if (Object.keys(tags).length > limits.TAGS_LIMIT)
    throw new PlatformError('INVALID_PARAMETER', 'Number of tags exceeds resource tag limit.')
}

async function changeTags(
  deps: Deps,
  caller: Caller,
  about: {
    readonly action: string
    readonly resource: string
    change(before: Tags): Tags
  },
): Promise<void> {
  const name = locateTagged(deps, about.resource)
  await record(
    deps,
    {
      type: 'tags',
      action: about.action,
      resource: functionArn(deps.place, name),
      principal: caller.principal,
    },
    async (tx): Promise<Committed<undefined>> => {
      const owner = await getOwner(deps, tx, name)
      const tags = about.change(owner.tags)
      checkTagCount(tags)
      return { result: undefined, touched: [await setFunctionTags(tx, owner.id, tags)] }
    },
  )
}

async function getOwner(deps: Deps, reader: Reader, name: string): Promise<FunctionRecord> {
  return await getFunctionRecord(reader, deps.place, { name, qualifier: undefined })
}

function locateTagged(deps: Deps, resource: string): string {
  const { name, qualifier } = locateFunction(deps.place, { functionName: resource })
  if (qualifier === undefined) return name
  throw new PlatformError(
    'INVALID_PARAMETER',
    'Tags on function aliases and versions are not supported. Please specify a function ARN.',
  )
}
