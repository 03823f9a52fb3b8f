import { listTags, tagResource, untagResource, type Deps } from '../../operations/index.ts'
import { anchored } from './function-name.ts'
import type { LambdaHandlers, LambdaRequest } from './handler.ts'
import { textMapMember } from './members.ts'
import { ConstraintCheck } from './validation.ts'

/** What AWS prints (recorded: TestLambdaTags); it names layers, which take no tags. */
const TAGGABLE =
  'arn:(aws[a-zA-Z-]*):lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:\\d{12}:(function:[a-zA-Z0-9-_]+(:(\\$LATEST|[a-zA-Z0-9-_]+))?|layer:([a-zA-Z0-9-_]+)|code-signing-config:csc-[a-z0-9]{17}|event-source-mapping:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|capacity-provider:[a-zA-Z0-9-_]+)'

/** Tags by ARN. */
export function tagHandlers(deps: Deps): LambdaHandlers {
  return {
    ListTags: async (request) => ({
      status: 200,
      body: { Tags: await listTags(deps, readTagged(request)) },
    }),
    TagResource: async (request) => {
      const check = new ConstraintCheck()
      const tags = textMapMember(request.json, 'Tags')
      check.required('tags', request.json['Tags'])
      const resource = readTagged(request, check)
      await tagResource(deps, request.caller, { resource, tags: tags ?? {} })
      return { status: 204 }
    },
    UntagResource: async (request) => {
      const check = new ConstraintCheck()
      const given = request.query['tagKeys']
      check.required('tagKeys', given)
      const resource = readTagged(request, check)
      const keys = typeof given === 'string' ? [given] : (given ?? [])
      await untagResource(deps, request.caller, { resource, keys })
      return { status: 204 }
    },
  }
}

function readTagged(request: LambdaRequest, check = new ConstraintCheck()): string {
  const resource = request.path['Resource'] ?? ''
  check.length('resource', resource, { min: 1, max: 10_000 })
  check.pattern('resource', resource, anchored(TAGGABLE), TAGGABLE)
  check.finish()
  return resource
}
