import { functionArn } from '../../model/index.ts'
import { getFunctionOption, putFunctionOption, type Deps } from '../../operations/index.ts'
import { anchored, checkFunctionName, readAsked } from './function-name.ts'
import type { LambdaAnswer, LambdaHandlers, LambdaRequest } from './handler.ts'
import { integerMember, objectMember, queryMember, textMember } from './members.ts'
import { ConstraintCheck } from './validation.ts'

/** Runtime management, recursion and scaling: stored and answered, with AWS's defaults. */
export function functionOptionHandlers(deps: Deps): LambdaHandlers {
  return {
    PutRuntimeManagementConfig: (request) => putRuntimeManagement(deps, request),
    GetRuntimeManagementConfig: async (request) => {
      const asked = readAsked(new ConstraintCheck(), request)
      const found = await getFunctionOption(deps, { ...asked, kind: 'runtime-management' })
      const document = found.setting?.document ?? { UpdateRuntimeOn: 'Auto' }
      const arn = functionArn(deps.place, found.functionName, found.qualifier)
      return { status: 200, body: { ...document, FunctionArn: arn } }
    },
    PutFunctionRecursionConfig: async (request) => {
      const check = new ConstraintCheck()
      const loop = textMember(request.json, 'RecursiveLoop')
      if (check.required('recursiveLoop', loop))
        check.oneOf('recursiveLoop', loop, ['Terminate', 'Allow'])
      const functionName = readUnqualified(check, request)
      await putFunctionOption(deps, request.caller, {
        functionName,
        action: 'lambda:PutFunctionRecursionConfig',
        kind: 'recursion',
        document: { RecursiveLoop: loop },
      })
      return { status: 200, body: { RecursiveLoop: loop } }
    },
    GetFunctionRecursionConfig: async (request) => {
      const functionName = readUnqualified(new ConstraintCheck(), request)
      const found = await getFunctionOption(deps, { functionName, kind: 'recursion' })
      return { status: 200, body: found.setting?.document ?? { RecursiveLoop: 'Terminate' } }
    },
    PutFunctionScalingConfig: (request) => putScaling(deps, request),
    GetFunctionScalingConfig: async (request) => {
      const asked = readScaled(new ConstraintCheck(), request)
      const found = await getFunctionOption(deps, { ...asked, kind: 'scaling' })
      const arn = functionArn(deps.place, found.functionName, found.qualifier)
      // Nothing scales by it here: it is requested, and never applied.
      const requested = found.setting?.document
      return { status: 200, body: { FunctionArn: arn, RequestedFunctionScalingConfig: requested } }
    },
  }
}

const RUNTIME_VERSION =
  'arn:(aws[a-zA-Z-]*):lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}::runtime:.+'

async function putRuntimeManagement(deps: Deps, request: LambdaRequest): Promise<LambdaAnswer> {
  const { json } = request
  const check = new ConstraintCheck()
  const on = textMember(json, 'UpdateRuntimeOn')
  if (check.required('updateRuntimeOn', on))
    check.oneOf('updateRuntimeOn', on, ['Auto', 'Manual', 'FunctionUpdate'])
  const version = textMember(json, 'RuntimeVersionArn')
  check.length('runtimeVersionArn', version, { min: 26, max: 2_048 })
  check.pattern('runtimeVersionArn', version, anchored(RUNTIME_VERSION), RUNTIME_VERSION)
  const asked = readAsked(check, request)
  const document = {
    UpdateRuntimeOn: on,
    ...(version === undefined ? {} : { RuntimeVersionArn: version }),
  }
  const found = await putFunctionOption(deps, request.caller, {
    ...asked,
    action: 'lambda:PutRuntimeManagementConfig',
    kind: 'runtime-management',
    document,
  })
  const arn = functionArn(deps.place, found.functionName, found.qualifier)
  return { status: 200, body: { ...document, FunctionArn: arn } }
}

async function putScaling(deps: Deps, request: LambdaRequest): Promise<LambdaAnswer> {
  const check = new ConstraintCheck()
  const config = objectMember(request.json, 'FunctionScalingConfig') ?? {}
  const least = integerMember(config, 'MinExecutionEnvironments')
  const most = integerMember(config, 'MaxExecutionEnvironments')
  const bounds = { min: 0, max: 15_000 }
  check.range('functionScalingConfig.minExecutionEnvironments', least, bounds)
  check.range('functionScalingConfig.maxExecutionEnvironments', most, bounds)
  const asked = readScaled(check, request)
  const { state } = await putFunctionOption(deps, request.caller, {
    ...asked,
    action: 'lambda:PutFunctionScalingConfig',
    kind: 'scaling',
    document: { MinExecutionEnvironments: least, MaxExecutionEnvironments: most },
  })
  return { status: 202, body: { FunctionState: state } }
}

function readScaled(
  check: ConstraintCheck,
  request: LambdaRequest,
): { readonly functionName: string; readonly qualifier: string | undefined } {
  const shown = '(\\$LATEST\\.PUBLISHED|[0-9]+)'
  const qualifier = queryMember(request, 'Qualifier')
  check.required('qualifier', qualifier)
  check.length('qualifier', qualifier, { min: 1, max: 128 })
  check.pattern('qualifier', qualifier, anchored(shown), shown)
  return { functionName: readUnqualified(check, request), qualifier }
}

function readUnqualified(check: ConstraintCheck, request: LambdaRequest): string {
  const functionName = request.path['FunctionName'] ?? ''
  checkFunctionName(check, functionName, 'strict')
  check.finish()
  return functionName
}
