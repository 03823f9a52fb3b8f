import type { ResourceRef } from '../../model/index.ts'
import { readsTag } from '../../policy/index.ts'
import type { Reader } from '../../store/index.ts'
import type { Caller, Deps } from '../context.ts'
import type { Tags } from '../tag-rules.ts'

/**
 * A tag that a policy reads is given by who may tag, whatever it comes with (RULES §5); what was `kept` of the name stays.
 * @throws PlatformError ACCESS_DENIED
 */
export async function refuseProtectedTags(
  deps: Deps,
  reader: Reader,
  { principal }: Pick<Caller, 'principal'>,
  given: { readonly resource: ResourceRef; readonly tags: Tags; readonly kept?: Tags },
): Promise<void> {
  const { resource, tags, kept = {} } = given
  const set = await deps.access.policies(reader)
  const changed = Object.keys(tags).filter((key) => kept[key] !== tags[key])
  if (!changed.some((key) => readsTag(set, key))) return
  await deps.access.authorizeIn(reader, principal, { action: 'lambda:TagResource', resource })
}

/** Those that a policy reads: they belong to the name, and meet what is made again under it (RULES §5). */
export async function protectedTags(deps: Deps, reader: Reader, tags: Tags): Promise<Tags> {
  const set = await deps.access.policies(reader)
  return Object.fromEntries(Object.entries(tags).filter(([key]) => readsTag(set, key)))
}
