import { findResourceTags, getPublisher, setResourceTags } from '../catalog/index.ts'
import { record } from './commit.ts'
import type { Caller, Deps } from './context.ts'
import { publisherArn } from './publishers.ts'
import { checkTags, type Tags } from './tag-rules.ts'

/** @throws PlatformError RESOURCE_NOT_FOUND */
export async function tagsOfPublisher(deps: Deps, name: string): Promise<Tags> {
  return await deps.store.snapshot(async (reader) => {
    await getPublisher(reader, deps.place, name)
    return await findResourceTags(reader, publisherArn(deps.place, name))
  })
}

/** No shipped policy reads a tag; once one does, this passes the gate (RULES §5). */
export async function changePublisherTags(
  deps: Deps,
  caller: Caller,
  about: { readonly name: string; readonly action: string },
  edit: (before: Tags) => Tags,
): Promise<void> {
  const resource = publisherArn(deps.place, about.name)
  const event = { type: 'tags', action: about.action, resource, principal: caller.principal }
  await record(deps, event, async (tx) => {
    await getPublisher(tx, deps.place, about.name)
    const after = edit(await findResourceTags(tx, resource))
    checkTags(after)
    return { result: undefined, touched: [await setResourceTags(tx, resource, after)] }
  })
}
