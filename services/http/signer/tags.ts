import { changePublisherTags, tagsOfPublisher, type Deps } from '../../operations/index.ts'
import { PlatformError } from '../../model/index.ts'
import { textMapMember } from '../lambda/members.ts'
import type { SignerHandlers, SignerRequest } from './handler.ts'
import { invalid, queryTexts } from './input.ts'

/** Tags of signing profiles, by the ARN without a version. */
export function tagHandlers(deps: Deps): SignerHandlers {
  return {
    ListTagsForResource: async (request) => ({
      body: { tags: await tagsOfPublisher(deps, nameOf(deps, request)) },
    }),
    TagResource: async (request) => {
      const tags = textMapMember(request.json, 'tags') ?? {}
      if (Object.keys(tags).length === 0) throw invalid('`tags` holds no tag')
      const change = { name: nameOf(deps, request), action: 'signer:TagResource' }
      await changePublisherTags(deps, request.caller, change, (before) => ({ ...before, ...tags }))
      return {}
    },
    UntagResource: async (request) => {
      const keys = queryTexts(request, 'tagKeys')
      if (keys.length === 0) throw invalid('`tagKeys` holds no key')
      const change = { name: nameOf(deps, request), action: 'signer:UntagResource' }
      await changePublisherTags(deps, request.caller, change, (before) =>
        Object.fromEntries(Object.entries(before).filter(([key]) => !keys.includes(key))),
      )
      return {}
    },
  }
}

function nameOf({ place }: Deps, { path }: SignerRequest): string {
  const arn = path['resourceArn'] ?? ''
  const match = /^arn:aws:signer:([a-z0-9-]+):(\d{12}):\/signing-profiles\/(\w{2,64})$/.exec(arn)
  if (match === null) throw invalid(`\`${arn.slice(0, 200)}\` is no ARN of a signing profile`)
  const [, region, account, name = ''] = match
  if (region === place.region && account === place.account) return name
  throw new PlatformError('RESOURCE_NOT_FOUND', `there is no signing profile \`${arn}\``)
}
