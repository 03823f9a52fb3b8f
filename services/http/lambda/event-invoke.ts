import type { Answer } from '../../catalog/index.ts'
import { functionArn, type Place } from '../../model/index.ts'
import {
  deleteEventInvokeConfig,
  getEventInvokeConfig,
  listEventInvokeConfigs,
  setEventInvokeConfig,
  type Deps,
  type EventInvokeConfig,
} from '../../operations/index.ts'
import { anchored, checkFunctionName, readAsked } from './function-name.ts'
import type { JsonObject, LambdaAnswer, LambdaHandlers, LambdaRequest } from './handler.ts'
import { integerMember, objectMember, textMember } from './members.ts'
import { nextMarker, readPageAsked } from './page-input.ts'
import { ConstraintCheck } from './validation.ts'

/** As AWS prints it (recorded: TestLambdaEventInvokeConfig). */
const DESTINATION =
  '$|kafka://([^.]([a-zA-Z0-9\\-_.]{0,248}))|arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\\-])+:((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1})?:(\\d{12})?:(.*)'

/** What becomes of asynchronous invocations. */
export function eventInvokeHandlers(deps: Deps): LambdaHandlers {
  return {
    PutFunctionEventInvokeConfig: (request) => set(deps, request, 'put'),
    UpdateFunctionEventInvokeConfig: (request) => set(deps, request, 'update'),
    GetFunctionEventInvokeConfig: async (request) => {
      const asked = readAsked(new ConstraintCheck(), request)
      return { status: 200, body: configBody(deps.place, await getEventInvokeConfig(deps, asked)) }
    },
    ListFunctionEventInvokeConfigs: async (request) => {
      const check = new ConstraintCheck()
      const functionName = request.path['FunctionName'] ?? ''
      const asked = readPageAsked(check, request, 50)
      checkFunctionName(check, functionName, 'namespaced')
      check.finish()
      const page = await listEventInvokeConfigs(deps, { ...asked, functionName })
      const configs = page.items.map((one) => configBody(deps.place, one))
      const body = { FunctionEventInvokeConfigs: configs, ...nextMarker(page.nextMarker) }
      return { status: 200, body }
    },
    DeleteFunctionEventInvokeConfig: async (request) => {
      const asked = readAsked(new ConstraintCheck(), request)
      await deleteEventInvokeConfig(deps, request.caller, asked)
      return { status: 204 }
    },
  }
}

async function set(
  deps: Deps,
  request: LambdaRequest,
  mode: 'put' | 'update',
): Promise<LambdaAnswer> {
  const { json } = request
  const check = new ConstraintCheck()
  const retries = integerMember(json, 'MaximumRetryAttempts')
  check.range('maximumRetryAttempts', retries, { min: 0, max: 2 })
  const age = integerMember(json, 'MaximumEventAgeInSeconds')
  check.range('maximumEventAgeInSeconds', age, { min: 60, max: 21_600 })
  const destinations = objectMember(json, 'DestinationConfig')
  const onSuccess = readDestination(check, destinations, 'OnSuccess')
  const onFailure = readDestination(check, destinations, 'OnFailure')
  const asked = readAsked(check, request)
  const config = await setEventInvokeConfig(deps, request.caller, mode, {
    ...asked,
    maximumRetryAttempts: retries,
    maximumEventAgeInSeconds: age,
    onSuccess,
    onFailure,
    destinations: destinations !== undefined,
  })
  return { status: 200, body: configBody(deps.place, config) }
}

function readDestination(
  check: ConstraintCheck,
  destinations: JsonObject | undefined,
  name: 'OnSuccess' | 'OnFailure',
): string | undefined {
  const given = destinations === undefined ? undefined : objectMember(destinations, name)
  const arn = given === undefined ? undefined : textMember(given, 'Destination')
  const at = `destinationConfig.${name === 'OnSuccess' ? 'onSuccess' : 'onFailure'}.destination`
  check.length(at, arn, { max: 350 })
  check.pattern(at, arn, anchored(DESTINATION), DESTINATION)
  return arn
}

/** The model's LastModified is a timestamp: seconds. */
function configBody(place: Place, config: EventInvokeConfig): Answer {
  return {
    FunctionArn: functionArn(place, config.functionName, config.qualifier),
    LastModified: config.lastModifiedMs / 1_000,
    ...config.document,
  }
}
