import {
  findCodeSigningConfig,
  findEventSourceMapping,
  findFunction,
  findResourceTags,
} from '../../catalog/index.ts'
import {
  functionRef,
  parseFunctionReference,
  type Place,
  type ResourceRef,
} from '../../model/index.ts'
import type { Reader } from '../../store/index.ts'

type Tags = Readonly<Record<string, string>>

/** What policies may look at of a thing: its tags; a mapping is judged as the function that it calls. */
export async function resolveThing(
  reader: Reader,
  place: Place,
  asked: ResourceRef,
): Promise<{ readonly resource: ResourceRef; readonly tags: Tags }> {
  const resource = await behindMapping(reader, asked)
  return { resource, tags: await tagsOf(reader, place, resource) }
}

async function behindMapping(reader: Reader, asked: ResourceRef): Promise<ResourceRef> {
  const [, uuid] =
    /^arn:[^:]+:lambda:[^:]*:\d*:event-source-mapping:([\w-]+)$/.exec(asked.name) ?? []
  if (asked.kind !== 'Object' || uuid === undefined) return asked
  const mapping = await findEventSourceMapping(reader, uuid)
  const called = mapping && parseFunctionReference(mapping.functionName)
  return called === undefined ? asked : functionRef(called.name, called.qualifier)
}

async function tagsOf(reader: Reader, place: Place, { kind, name }: ResourceRef): Promise<Tags> {
  if (kind === 'Function' || kind === 'Alias') return (await findFunction(reader, name))?.tags ?? {}
  if (kind === 'CodeSigningConfig')
    return (await findCodeSigningConfig(reader, place, name))?.tags ?? {}
  if (kind !== 'Publisher') return {}
  const arn = `arn:aws:signer:${place.region}:${place.account}:/signing-profiles/${name}`
  return await findResourceTags(reader, arn)
}
