import {
  findApprovalRequest,
  findBreakGlass,
  findCodeSigningConfig,
  findEventSourceMapping,
  findFunction,
  findResourceTags,
} from '../../catalog/index.ts'
import {
  functionArn,
  functionRef,
  parseFunctionReference,
  type Place,
  type ResourceRef,
} from '../../model/index.ts'
import type { Reader } from '../../store/index.ts'

type Tags = Readonly<Record<string, string>>

/**
 * What policies may look at of a thing: its tags; a mapping is judged as the function that it calls, a request for approval or
 * break-glass as the alias that it names.
 */
export async function resolveThing(
  reader: Reader,
  place: Place,
  asked: ResourceRef,
): Promise<{ readonly resource: ResourceRef; readonly tags: Tags }> {
  const resource = (await behindObject(reader, asked)) ?? asked
  return { resource, tags: await tagsOf(reader, place, resource) }
}

async function behindObject(
  reader: Reader,
  { kind, name }: ResourceRef,
): Promise<ResourceRef | undefined> {
  if (kind !== 'Object') return undefined
  const [, uuid] = /^arn:[^:]+:lambda:[^:]*:\d*:event-source-mapping:([\w-]+)$/.exec(name) ?? []
  if (uuid !== undefined) {
    const mapping = await findEventSourceMapping(reader, uuid)
    const called = mapping && parseFunctionReference(mapping.functionName)
    return called && functionRef(called.name, called.qualifier)
  }
  const asked = name.startsWith('apr-')
    ? await findApprovalRequest(reader, name)
    : name.startsWith('bg-')
      ? await findBreakGlass(reader, name)
      : undefined
  return asked && functionRef(asked.functionName, asked.alias)
}

async function tagsOf(reader: Reader, place: Place, { kind, name }: ResourceRef): Promise<Tags> {
  if (kind === 'Function' || kind === 'Alias')
    return (
      (await findFunction(reader, name))?.tags ??
      // What was protected of one that is gone still belongs to the name.
      (await findResourceTags(reader, functionArn(place, name)))
    )
  if (kind === 'CodeSigningConfig')
    return (await findCodeSigningConfig(reader, place, name))?.tags ?? {}
  if (kind !== 'Publisher') return {}
  const arn = `arn:aws:signer:${place.region}:${place.account}:/signing-profiles/${name}`
  return await findResourceTags(reader, arn)
}
