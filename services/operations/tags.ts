import {
  codeSigningConfigId,
  findCodeSigningConfig,
  findEventSourceMapping,
  findResourceTags,
  setFunctionTags,
  setResourceTags,
  updateCodeSigningConfig,
  type TouchedRow,
} from '../catalog/index.ts'
import { PlatformError, functionArn } from '../model/index.ts'
import type { Reader, Writer } from '../store/index.ts'
import { configNotFound } from './code-signing-configs.ts'
import type { Caller, Deps } from './context.ts'
import { getFunctionRecord, locateFunction } from './function-reference.ts'
import { govern, type Committed } from './gate.ts'
import { trustChange } from './publishers.ts'
import { checkTags, invalid, type Tags } from './tag-rules.ts'

/**
 * The tags of a function, a code signing config or an event source mapping, by its ARN.
 * @throws PlatformError FUNCTION_NOT_FOUND, RESOURCE_NOT_FOUND, INVALID_PARAMETER (a version's, an alias's, a layer's)
 */
export async function listTags(deps: Deps, resource: string): Promise<Tags> {
  return (await deps.store.snapshot((reader) => findTagged(deps, reader, resource))).tags
}

/** Through the gate, since a policy may read tags: what a tag lets through is not had by setting it (RULES §5). */
export async function tagResource(
  deps: Deps,
  caller: Caller,
  input: { readonly resource: string; readonly tags: Tags },
): Promise<void> {
  await changeTags(deps, caller, {
    action: 'lambda:TagResource',
    resource: input.resource,
    change: (before) => {
      // Recorded, word for word.
      if (Object.keys(input.tags).length === 0)
        throw invalid('An error occurred and the request cannot be processed.')
      const after = { ...before, ...input.tags }
      checkTags(after)
      return after
    },
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

/** What has tags: as they are, and how to write them. */
interface Tagged {
  readonly arn: string
  readonly tags: Tags
  write(tx: Writer, tags: Tags): Promise<TouchedRow>
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
  const { action, resource } = about
  await govern(deps, caller, {
    action,
    resource,
    raisesWorld: true,
    read: async (reader) => {
      const { tags } = await findTagged(deps, reader, resource)
      const keys = (all: Tags): string => Object.keys(all).toSorted().join(', ')
      return trustChange(keys(tags), keys(about.change(tags)))
    },
    commit: async (tx): Promise<Committed<undefined>> => {
      const tagged = await findTagged(deps, tx, resource)
      const touched = await tagged.write(tx, about.change(tagged.tags))
      return { result: undefined, touched: [touched] }
    },
  })
}

async function findTagged(deps: Deps, reader: Reader, arn: string): Promise<Tagged> {
  const kind = arn.split(':')[5]
  if (kind === 'function') return await findFunctionTags(deps, reader, arn)
  if (kind === 'code-signing-config') {
    const id = codeSigningConfigId(deps.place, arn)
    const config =
      id === undefined ? undefined : await findCodeSigningConfig(reader, deps.place, id)
    if (config === undefined) throw configNotFound(arn)
    return {
      arn,
      tags: config.tags,
      write: async (tx, tags) => {
        await updateCodeSigningConfig(tx, { ...config, tags })
        return { table: 'code_signing_config', key: { id: config.id } }
      },
    }
  }
  if (kind === 'event-source-mapping') return await findMappingTags(deps, reader, arn)
  if (kind === 'capacity-provider')
    throw new PlatformError('RESOURCE_NOT_FOUND', `Capacity provider not found: ${arn}`)
  throw invalid('Tags on layers are not supported.')
}

async function findFunctionTags(deps: Deps, reader: Reader, arn: string): Promise<Tagged> {
  const { name, qualifier } = locateFunction(deps.place, { functionName: arn })
  // Recorded: also of a function that is not there.
  if (qualifier !== undefined) {
    throw invalid(
      'Tags on function aliases and versions are not supported. Please specify a function ARN.',
    )
  }
  const owner = await getFunctionRecord(reader, deps.place, { name, qualifier: undefined })
  return {
    arn: functionArn(deps.place, name),
    tags: owner.tags,
    write: (tx, tags) => setFunctionTags(tx, owner.id, tags),
  }
}

async function findMappingTags(deps: Deps, reader: Reader, arn: string): Promise<Tagged> {
  const [, , , region, account, , uuid = ''] = arn.split(':')
  const here = region === deps.place.region && account === deps.place.account
  const mapping = here ? await findEventSourceMapping(reader, uuid) : undefined
  if (mapping === undefined)
    throw new PlatformError('RESOURCE_NOT_FOUND', `Event source mapping not found: ${arn}`)
  return {
    arn,
    tags: await findResourceTags(reader, arn),
    write: (tx, tags) => setResourceTags(tx, arn, tags),
  }
}
