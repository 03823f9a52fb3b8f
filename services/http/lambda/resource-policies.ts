import {
  deleteResourcePolicy,
  getResourcePolicy,
  putResourcePolicy,
  type Deps,
} from '../../operations/index.ts'
import { decided } from './answers.ts'
import { anchored } from './function-name.ts'
import type { LambdaHandlers, LambdaRequest } from './handler.ts'
import { queryMember, textMember } from './members.ts'
import { policyBody } from './permissions.ts'
import { ConstraintCheck } from './validation.ts'

/** A complete ARN of a function, version or alias; the model gives no pattern, only that. */
const RESOURCE_ARN =
  'arn:(aws[a-zA-Z-]*):lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:\\d{12}:function:[a-zA-Z0-9-_]+(:(\\$LATEST|[a-zA-Z0-9-_]+))?'

/** The policy API of 2026: a whole policy by the ARN it hangs on. */
export function resourcePolicyHandlers(deps: Deps): LambdaHandlers {
  return {
    PutResourcePolicy: async (request) => {
      const check = new ConstraintCheck()
      const policy = textMember(request.json, 'Policy')
      check.required('policy', policy)
      const { decisionId, ...answer } = await putResourcePolicy(deps, request.caller, {
        resourceArn: readResourceArn(check, request),
        policy: policy ?? '',
        revisionId: textMember(request.json, 'RevisionId'),
      })
      return { status: 200, body: policyBody(answer), ...decided(decisionId) }
    },
    GetResourcePolicy: async (request) => {
      const arn = readResourceArn(new ConstraintCheck(), request)
      return { status: 200, body: policyBody(await getResourcePolicy(deps, arn)) }
    },
    DeleteResourcePolicy: async (request) => {
      const { decisionId } = await deleteResourcePolicy(deps, request.caller, {
        resourceArn: readResourceArn(new ConstraintCheck(), request),
        revisionId: queryMember(request, 'RevisionId'),
      })
      return { status: 204, ...decided(decisionId) }
    },
  }
}

function readResourceArn(check: ConstraintCheck, request: LambdaRequest): string {
  const arn = request.path['ResourceArn'] ?? ''
  check.length('resourceArn', arn, { min: 1, max: 10_000 })
  check.pattern('resourceArn', arn, anchored(RESOURCE_ARN), RESOURCE_ARN)
  check.finish()
  return arn
}
