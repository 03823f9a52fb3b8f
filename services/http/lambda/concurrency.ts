import type { Answer } from '../../catalog/index.ts'
import { functionArn, toAwsTimestamp, type Place } from '../../model/index.ts'
import {
  deleteFunctionConcurrency,
  deleteProvisionedConcurrency,
  getFunctionConcurrency,
  getProvisionedConcurrency,
  listProvisionedConcurrency,
  putFunctionConcurrency,
  putProvisionedConcurrency,
  type Deps,
  type ProvisionedConcurrency,
} from '../../operations/index.ts'
import { decided } from './answers.ts'
import { checkFunctionName, checkQualifier } from './function-name.ts'
import type { LambdaAnswer, LambdaHandlers, LambdaRequest } from './handler.ts'
import { integerMember, queryMember } from './members.ts'
import { nextMarker, readPageAsked } from './page-input.ts'
import { ConstraintCheck } from './validation.ts'

/** Reserved concurrency, enforced at Invoke, and provisioned concurrency, started beforehand. */
export function concurrencyHandlers(deps: Deps): LambdaHandlers {
  return {
    PutFunctionConcurrency: async (request) => {
      const check = new ConstraintCheck()
      const reserved = integerMember(request.json, 'ReservedConcurrentExecutions')
      check.required('reservedConcurrentExecutions', reserved)
      check.range('reservedConcurrentExecutions', reserved, { min: 0 })
      const functionName = readName(check, request)
      const { decisionId } = await putFunctionConcurrency(deps, request.caller, {
        functionName,
        reserved: reserved ?? 0,
      })
      const body = { ReservedConcurrentExecutions: reserved ?? 0 }
      return { status: 200, body, ...decided(decisionId) }
    },
    GetFunctionConcurrency: async (request) => {
      const reserved = await getFunctionConcurrency(deps, readName(new ConstraintCheck(), request))
      return { status: 200, body: { ReservedConcurrentExecutions: reserved } }
    },
    DeleteFunctionConcurrency: async (request) => {
      const functionName = readName(new ConstraintCheck(), request)
      const { decisionId } = await deleteFunctionConcurrency(deps, request.caller, functionName)
      return { status: 204, ...decided(decisionId) }
    },
    PutProvisionedConcurrencyConfig: (request) => put(deps, request),
    GetProvisionedConcurrencyConfig: async (request) => {
      const found = await getProvisionedConcurrency(deps, readQualified(request))
      return { status: 200, body: provisionedBody(found) }
    },
    ListProvisionedConcurrencyConfigs: async (request) => {
      const check = new ConstraintCheck()
      const asked = readPageAsked(check, request, 50)
      const functionName = readName(check, request)
      const page = await listProvisionedConcurrency(deps, { ...asked, functionName })
      const configs = page.items.map((one) => ({
        FunctionArn: arnOf(deps.place, one),
        ...provisionedBody(one),
      }))
      const body = { ProvisionedConcurrencyConfigs: configs, ...nextMarker(page.nextMarker) }
      return { status: 200, body }
    },
    DeleteProvisionedConcurrencyConfig: async (request) => {
      const asked = readQualified(request)
      const { decisionId } = await deleteProvisionedConcurrency(deps, request.caller, asked)
      return { status: 204, ...decided(decisionId) }
    },
  }
}

async function put(deps: Deps, request: LambdaRequest): Promise<LambdaAnswer> {
  const check = new ConstraintCheck()
  const requested = integerMember(request.json, 'ProvisionedConcurrentExecutions')
  if (check.required('provisionedConcurrentExecutions', requested))
    check.range('provisionedConcurrentExecutions', requested, { min: 1 })
  const asked = { ...readQualified(request, check), requested: requested ?? 1 }
  const { found, decisionId } = await putProvisionedConcurrency(deps, request.caller, asked)
  return { status: 202, body: provisionedBody(found), ...decided(decisionId) }
}

function readName(check: ConstraintCheck, request: LambdaRequest): string {
  const functionName = request.path['FunctionName'] ?? ''
  checkFunctionName(check, functionName, 'strict')
  check.finish()
  return functionName
}

function readQualified(
  request: LambdaRequest,
  check = new ConstraintCheck(),
): { readonly functionName: string; readonly qualifier: string | undefined } {
  const qualifier = queryMember(request, 'Qualifier')
  check.required('qualifier', qualifier)
  checkQualifier(check, qualifier)
  return { functionName: readName(check, request), qualifier }
}

/** All or nothing of it is `Allocated`; a failure is told with its reason. */
function provisionedBody(found: ProvisionedConcurrency): Answer {
  const { requested, ready, failure, lastModifiedMs } = found
  return {
    RequestedProvisionedConcurrentExecutions: requested,
    AvailableProvisionedConcurrentExecutions: ready,
    AllocatedProvisionedConcurrentExecutions: ready,
    Status: ready >= requested ? 'READY' : failure === undefined ? 'IN_PROGRESS' : 'FAILED',
    StatusReason: ready >= requested ? undefined : failure,
    LastModified: toAwsTimestamp(lastModifiedMs),
  }
}

function arnOf(place: Place, one: ProvisionedConcurrency): string {
  return functionArn(place, one.functionName, one.qualifier)
}
