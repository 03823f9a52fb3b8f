import {
  PlatformError,
  parseFunctionReference,
  toAwsTimestamp,
  type Decision,
  type Json,
} from '../../model/index.ts'
import type { CodeSigningConfig } from '../../catalog/index.ts'
import {
  createCodeSigningConfig,
  deleteCodeSigningConfig,
  deleteFunctionCodeSigningConfig,
  getCodeSigningConfig,
  getFunctionCodeSigningConfig,
  listCodeSigningConfigs,
  listFunctionsByCodeSigningConfig,
  putFunctionCodeSigningConfig,
  updateCodeSigningConfig,
  type Deps,
} from '../../operations/index.ts'
import {
  checkConfigArn,
  readDescription,
  readPage,
  readPolicy,
  readPublisherArns,
  readString,
  readTags,
} from './code-signing-input.ts'
import { ConstraintCheck } from './validation.ts'
import type { LambdaAnswer, LambdaHandlers, LambdaRequest } from './handler.ts'

/** Lambda's nine operations on code signing configs, as SIGNING.md C.1 to C.4 has them. */
export function codeSigningHandlers(deps: Deps): LambdaHandlers {
  return {
    CreateCodeSigningConfig: (request) => create(deps, request),
    GetCodeSigningConfig: (request) =>
      withoutType(async () => {
        const config = await getCodeSigningConfig(deps, configArn(request))
        return { status: 200, body: { CodeSigningConfig: toBody(config) } }
      }),
    UpdateCodeSigningConfig: (request) => withoutType(() => update(deps, request)),
    DeleteCodeSigningConfig: (request) =>
      withoutType(async () => {
        const { decision } = await deleteCodeSigningConfig(deps, request.caller, configArn(request))
        return { status: 204, headers: decided(decision) }
      }),
    ListCodeSigningConfigs: (request) => list(deps, request),
    ListFunctionsByCodeSigningConfig: (request) => withoutType(() => listFunctions(deps, request)),
    PutFunctionCodeSigningConfig: (request) => put(deps, request),
    GetFunctionCodeSigningConfig: async (request) => {
      const attached = await getFunctionCodeSigningConfig(deps, functionName(request))
      // Recorded: 200 with an empty object where none is attached.
      if (attached === undefined) return { status: 200, body: {} }
      return {
        status: 200,
        body: { CodeSigningConfigArn: attached.configArn, FunctionName: attached.functionName },
      }
    },
    DeleteFunctionCodeSigningConfig: async (request) => {
      const name = functionName(request)
      const { decision } = await deleteFunctionCodeSigningConfig(deps, request.caller, name)
      return { status: 204, headers: decided(decision) }
    },
  }
}

async function create(deps: Deps, request: LambdaRequest): Promise<LambdaAnswer> {
  const check = new ConstraintCheck()
  const description = readDescription(check, request.json)
  check.required('allowedPublishers', request.json['AllowedPublishers'])
  const publisherArns = readPublisherArns(check, request.json)
  const policy = readPolicy(check, request.json)
  check.finish()
  const { result, decision } = await createCodeSigningConfig(deps, request.caller, {
    description,
    publisherArns: publisherArns ?? [],
    policy,
    tags: readTags(request.json),
  })
  return { status: 201, body: { CodeSigningConfig: toBody(result) }, headers: decided(decision) }
}

async function update(deps: Deps, request: LambdaRequest): Promise<LambdaAnswer> {
  const check = new ConstraintCheck()
  const arn = request.path['CodeSigningConfigArn'] ?? ''
  checkConfigArn(check, arn)
  const description = readDescription(check, request.json)
  const publisherArns = readPublisherArns(check, request.json)
  const policy = readPolicy(check, request.json)
  check.finish()
  const settings = { arn, description, publisherArns, policy }
  const { result, decision } = await updateCodeSigningConfig(deps, request.caller, settings)
  return { status: 200, body: { CodeSigningConfig: toBody(result) }, headers: decided(decision) }
}

async function list(deps: Deps, request: LambdaRequest): Promise<LambdaAnswer> {
  const check = new ConstraintCheck()
  const page = readPage(check, request.query)
  check.finish()
  const { configs, next } = await listCodeSigningConfigs(deps, page)
  const body = { CodeSigningConfigs: configs.map(toBody), ...marker(next) }
  return { status: 200, body }
}

async function listFunctions(deps: Deps, request: LambdaRequest): Promise<LambdaAnswer> {
  const check = new ConstraintCheck()
  const arn = request.path['CodeSigningConfigArn'] ?? ''
  checkConfigArn(check, arn)
  const page = readPage(check, request.query)
  check.finish()
  const { arns, next } = await listFunctionsByCodeSigningConfig(deps, { arn, ...page })
  return { status: 200, body: { FunctionArns: arns, ...marker(next) } }
}

async function put(deps: Deps, request: LambdaRequest): Promise<LambdaAnswer> {
  const check = new ConstraintCheck()
  const arn = readString(request.json, 'CodeSigningConfigArn')
  checkConfigArn(check, arn)
  check.finish()
  const { result, decision } = await putFunctionCodeSigningConfig(deps, request.caller, {
    functionName: functionName(request),
    configArn: arn ?? '',
  })
  return {
    status: 200,
    body: { CodeSigningConfigArn: result.configArn, FunctionName: result.functionName },
    headers: decided(decision),
  }
}

/** Recorded: where a config itself is not found, AWS's answer has `Message` alone, without `Type`. */
async function withoutType(work: () => Promise<LambdaAnswer>): Promise<LambdaAnswer> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof PlatformError) || error.code !== 'RESOURCE_NOT_FOUND') throw error
    return {
      status: 404,
      body: { Message: error.publicMessage },
      headers: { 'x-amzn-errortype': 'ResourceNotFoundException' },
    }
  }
}

function configArn(request: LambdaRequest): string {
  const check = new ConstraintCheck()
  const arn = request.path['CodeSigningConfigArn'] ?? ''
  checkConfigArn(check, arn)
  check.finish()
  return arn
}

const FUNCTION_NAME_PATTERN =
  '(arn:(aws[a-zA-Z-]*)?:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:\\d{12}:|(((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:)?(\\d{12}:)?))(function:)?([a-zA-Z0-9-_\\.]+)(:(\\$LATEST(\\.PUBLISHED)?|[a-zA-Z0-9-_]+))?'

/** As Lambda's model has it; what of it names something here is the operation's affair. */
function functionName(request: LambdaRequest): string {
  const text = request.path['FunctionName'] ?? ''
  const check = new ConstraintCheck()
  check.length('functionName', text, { min: 1, max: 256 })
  if (parseFunctionReference(text) === undefined) {
    const rule = `Member must satisfy regular expression pattern: ${FUNCTION_NAME_PATTERN}`
    check.fail('functionName', text, rule)
  }
  check.finish()
  return text
}

function toBody(config: CodeSigningConfig): Json {
  return {
    CodeSigningConfigId: config.id,
    CodeSigningConfigArn: config.arn,
    Description: config.description,
    AllowedPublishers: {
      SigningProfileVersionArns: config.publishers.map((publisher) => publisher.arn),
    },
    CodeSigningPolicies: { UntrustedArtifactOnDeployment: config.policy },
    LastModified: toAwsTimestamp(config.lastModifiedMs),
  }
}

function marker(next: string | undefined): { readonly NextMarker?: string } {
  return next === undefined ? {} : { NextMarker: next }
}

function decided(decision: Decision | undefined): Readonly<Record<string, string>> {
  return decision === undefined ? {} : { 'x-lacre-decision-id': decision.id }
}
