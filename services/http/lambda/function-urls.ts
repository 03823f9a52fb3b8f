import type { Answer, SettingDocument } from '../../catalog/index.ts'
import { LATEST, functionArn, toIsoTime, type Place } from '../../model/index.ts'
import {
  createFunctionUrl,
  deleteFunctionUrl,
  getFunctionUrl,
  listFunctionUrls,
  updateFunctionUrl,
  type Deps,
  type FunctionUrl,
} from '../../operations/index.ts'
import { functionUrlOf } from '../urls/address.ts'
import { decided } from './answers.ts'
import { anchored, checkFunctionName } from './function-name.ts'
import type { JsonObject, LambdaAnswer, LambdaHandlers, LambdaRequest } from './handler.ts'
import {
  booleanMember,
  integerMember,
  objectMember,
  queryMember,
  textMember,
  textsMember,
} from './members.ts'
import { nextMarker, readPageAsked } from './page-input.ts'
import { ConstraintCheck } from './validation.ts'

/** As AWS prints it (recorded: TestLambdaUrl). */
const QUALIFIER = '((?!^\\d+$)^[0-9a-zA-Z-_]+$)'

/** URLs of functions and aliases; `base` is what their host names are below. */
export function functionUrlHandlers(deps: Deps, base: string): LambdaHandlers {
  const body = (url: FunctionUrl): Answer => urlBody(deps.place, base, url)
  return {
    CreateFunctionUrlConfig: (request) => create(deps, request, body),
    UpdateFunctionUrlConfig: async (request) => {
      const check = new ConstraintCheck()
      const settings = readSettings(check, request.json)
      const input = { ...readUrlAsked(check, request), settings }
      const { url, decisionId } = await updateFunctionUrl(deps, request.caller, input)
      return { status: 200, body: body(url), ...decided(decisionId) }
    },
    GetFunctionUrlConfig: async (request) => {
      const url = await getFunctionUrl(deps, readUrlAsked(new ConstraintCheck(), request))
      return { status: 200, body: body(url) }
    },
    ListFunctionUrlConfigs: async (request) => {
      const check = new ConstraintCheck()
      const functionName = request.path['FunctionName'] ?? ''
      const asked = readPageAsked(check, request, 50)
      checkFunctionName(check, functionName, 'strict')
      check.finish()
      const page = await listFunctionUrls(deps, { ...asked, functionName })
      const configs = { FunctionUrlConfigs: page.items.map(body) }
      return { status: 200, body: { ...configs, ...nextMarker(page.nextMarker) } }
    },
    DeleteFunctionUrlConfig: async (request) => {
      const asked = readUrlAsked(new ConstraintCheck(), request)
      const { decisionId } = await deleteFunctionUrl(deps, request.caller, asked)
      return { status: 204, ...decided(decisionId) }
    },
  }
}

async function create(
  deps: Deps,
  request: LambdaRequest,
  body: (url: FunctionUrl) => Answer,
): Promise<LambdaAnswer> {
  const check = new ConstraintCheck()
  check.required('authType', request.json['AuthType'])
  const settings = readSettings(check, request.json)
  const input = { ...readUrlAsked(check, request), settings }
  const { url, decisionId } = await createFunctionUrl(deps, request.caller, input)
  // Recorded: the answer has no LastModifiedTime, and InvokeMode only where it was given.
  const { LastModifiedTime: _, InvokeMode: mode, ...members } = body(url)
  const given = settings['InvokeMode'] === undefined ? {} : { InvokeMode: mode }
  return { status: 201, body: { ...members, ...given }, ...decided(decisionId) }
}

function readUrlAsked(
  check: ConstraintCheck,
  request: LambdaRequest,
): { readonly functionName: string; readonly qualifier: string | undefined } {
  const functionName = request.path['FunctionName'] ?? ''
  const qualifier = queryMember(request, 'Qualifier')
  check.length('qualifier', qualifier, { min: 1, max: 128 })
  check.pattern('qualifier', qualifier, anchored(QUALIFIER), QUALIFIER)
  checkFunctionName(check, functionName, 'strict')
  check.finish()
  return { functionName, qualifier }
}

function readSettings(check: ConstraintCheck, json: JsonObject): SettingDocument {
  const authType = textMember(json, 'AuthType')
  check.oneOf('authType', authType, ['NONE', 'AWS_IAM'])
  const invokeMode = textMember(json, 'InvokeMode')
  check.oneOf('invokeMode', invokeMode, ['RESPONSE_STREAM', 'BUFFERED'])
  const cors = objectMember(json, 'Cors')
  return {
    ...(authType === undefined ? {} : { AuthType: authType }),
    ...(invokeMode === undefined ? {} : { InvokeMode: invokeMode }),
    ...(cors === undefined ? {} : { Cors: readCors(check, cors) }),
  }
}

/** How many of each, and how long (constraints.tsv: HeadersList, AllowMethodsList, AllowOriginsList). */
const CORS_LISTS = {
  AllowHeaders: { count: 100, length: 1_024 },
  AllowMethods: { count: 6, length: 6 },
  AllowOrigins: { count: 100, length: 253 },
  ExposeHeaders: { count: 100, length: 1_024 },
} as const

function readCors(check: ConstraintCheck, cors: JsonObject): SettingDocument {
  const document: Record<string, SettingDocument[string]> = {}
  if (cors['AllowCredentials'] !== undefined)
    document['AllowCredentials'] = booleanMember(cors, 'AllowCredentials')
  for (const [name, most] of Object.entries(CORS_LISTS)) {
    const list = textsMember(cors, name)
    if (list === undefined) continue
    const at = `cors.${name.charAt(0).toLowerCase()}${name.slice(1)}`
    check.length(at, list, { max: most.count })
    if (list.some((item) => item.length > most.length)) {
      const words = `Member must have length less than or equal to ${most.length}`
      check.fail(at, list, `Member must satisfy constraint: [${words}]`)
    }
    document[name] = list
  }
  const maxAge = integerMember(cors, 'MaxAge')
  check.range('cors.maxAge', maxAge, { min: 0, max: 86_400 })
  if (maxAge !== undefined) document['MaxAge'] = maxAge
  return document
}

function urlBody(place: Place, base: string, url: FunctionUrl): Answer {
  const { UrlId: id, ...document } = url.document
  const qualifier = url.qualifier === LATEST ? undefined : url.qualifier
  return {
    FunctionArn: functionArn(place, url.functionName, qualifier),
    FunctionUrl: functionUrlOf(base, place, typeof id === 'string' ? id : ''),
    LastModifiedTime: toIsoTime(url.lastModifiedMs),
    ...document,
  }
}
