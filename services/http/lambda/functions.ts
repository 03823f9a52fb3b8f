import { toFunctionConfiguration } from '../../catalog/index.ts'
import { PlatformError } from '../../model/index.ts'
import {
  checkTags,
  createFunction,
  deleteFunction,
  getFunction,
  listFunctions,
  updateFunctionCode,
  updateFunctionConfiguration,
  type Deps,
} from '../../operations/index.ts'
import { configurationBody, decided, downloadLocation } from './answers.ts'
import { checkCode, toCodeSource } from './code-input.ts'
import {
  checkConfiguration,
  readArchitectures,
  readConfiguration,
  readLayerArns,
} from './configuration-input.ts'
import { anchored, checkBareName, checkFunctionName, readAsked } from './function-name.ts'
import type { LambdaAnswer, LambdaHandlers, LambdaRequest } from './handler.ts'
import { booleanMember, objectMember, queryMember, textMapMember, textMember } from './members.ts'
import { nextMarker, readPageAsked } from './page-input.ts'
import { ConstraintCheck } from './validation.ts'

/** Functions: parse, call one operation, answer in AWS's shape. */
export function functionHandlers(deps: Deps): LambdaHandlers {
  return {
    CreateFunction: (request) => create(deps, request),
    GetFunction: (request) => get(deps, request),
    GetFunctionConfiguration: async (request) => {
      const { version, qualifier } = await getFunction(
        deps,
        readAsked(new ConstraintCheck(), request),
      )
      return { status: 200, body: configurationBody(deps.place, version, qualifier) }
    },
    UpdateFunctionCode: (request) => updateCode(deps, request),
    UpdateFunctionConfiguration: (request) => updateConfiguration(deps, request),
    DeleteFunction: async (request) => {
      const asked = readAsked(new ConstraintCheck(), request)
      const { decisionId } = await deleteFunction(deps, request.caller, asked)
      return { status: 204, ...decided(decisionId) }
    },
    ListFunctions: (request) => list(deps, request),
  }
}

async function create(deps: Deps, request: LambdaRequest): Promise<LambdaAnswer> {
  const { json } = request
  const check = new ConstraintCheck()
  const functionName = textMember(json, 'FunctionName')
  checkFunctionName(check, functionName, 'strict')
  check.required('role', json['Role'])
  // A zip given as `Code.ZipFile` was cut out, and may have left nothing of `Code`.
  const code = objectMember(json, 'Code') ?? {}
  if (request.zip === undefined) check.required('code', json['Code'])
  checkCode(check, code, 'code')
  const configuration = readConfiguration(check, json)
  const architectures = readArchitectures(check, json)
  const layers = readLayerArns(check, json) ?? []
  const packageType = textMember(json, 'PackageType')
  check.oneOf('packageType', packageType, ['Zip', 'Image'])
  const codeSigningConfigArn = textMember(json, 'CodeSigningConfigArn')
  checkSigningConfigArn(check, codeSigningConfigArn)
  check.finish()
  checkBareName(functionName ?? '')
  if (packageType === 'Image')
    throw new PlatformError('NOT_BUILT', 'container images are not built in this version')
  if (!configuration.Runtime || !configuration.Handler) {
    throw new PlatformError(
      'INVALID_PARAMETER',
      'Runtime and Handler are mandatory parameters for functions created with deployment packages.',
    )
  }
  checkConfiguration(json, configuration)
  const tags = textMapMember(json, 'Tags') ?? {}
  checkTags(tags)
  const { version, decisionId } = await createFunction(deps, request.caller, {
    functionName: functionName ?? '',
    code: toCodeSource(request, code),
    configuration: { ...configuration, Architectures: architectures },
    layers,
    publish: booleanMember(json, 'Publish'),
    tags,
    codeSigningConfigArn,
  })
  // Recorded: also with Publish the ARN is the function's.
  const body = configurationBody(deps.place, version, undefined)
  return { status: 201, body, ...decided(decisionId) }
}

const SIGNING_CONFIG =
  'arn:(aws[a-zA-Z-]*)?:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:\\d{12}:code-signing-config:csc-[a-z0-9]{17}'

function checkSigningConfigArn(check: ConstraintCheck, arn: string | undefined): void {
  check.length('codeSigningConfigArn', arn, { max: 200 })
  check.pattern('codeSigningConfigArn', arn, anchored(SIGNING_CONFIG), SIGNING_CONFIG)
}

async function get(deps: Deps, request: LambdaRequest): Promise<LambdaAnswer> {
  const asked = readAsked(new ConstraintCheck(), request)
  const { owner, version, qualifier, reserved } = await getFunction(deps, asked)
  const tagged = Object.keys(owner.tags).length > 0
  return {
    status: 200,
    body: {
      Configuration: configurationBody(deps.place, version, qualifier),
      Code: {
        RepositoryType: 'S3',
        Location: downloadLocation(deps, request, version.codeSha256),
      },
      ...(tagged ? { Tags: owner.tags } : {}),
      ...(reserved === undefined
        ? {}
        : { Concurrency: { ReservedConcurrentExecutions: reserved } }),
    },
  }
}

async function updateCode(deps: Deps, request: LambdaRequest): Promise<LambdaAnswer> {
  const { json } = request
  const check = new ConstraintCheck()
  const functionName = request.path['FunctionName'] ?? ''
  checkFunctionName(check, functionName, 'strict')
  checkCode(check, json, '')
  const architectures = readArchitectures(check, json)
  check.finish()
  if (textMember(json, 'ImageUri') !== undefined) {
    throw new PlatformError(
      'INVALID_PARAMETER',
      "Please don't provide ImageUri when updating a function with packageType Zip.",
    )
  }
  const { version, decisionId } = await updateFunctionCode(deps, request.caller, {
    functionName,
    code: toCodeSource(request, json),
    architectures,
    publish: booleanMember(json, 'Publish'),
    dryRun: booleanMember(json, 'DryRun'),
    revisionId: textMember(json, 'RevisionId'),
  })
  const qualifier = version.version === '$LATEST' ? undefined : version.version
  const body = configurationBody(deps.place, version, qualifier)
  return { status: 200, body, ...decided(decisionId) }
}

async function updateConfiguration(deps: Deps, request: LambdaRequest): Promise<LambdaAnswer> {
  const { json } = request
  const check = new ConstraintCheck()
  const functionName = request.path['FunctionName'] ?? ''
  checkFunctionName(check, functionName, 'strict')
  const configuration = readConfiguration(check, json)
  const layers = readLayerArns(check, json)
  check.finish()
  checkConfiguration(json, configuration)
  const { version, decisionId } = await updateFunctionConfiguration(deps, request.caller, {
    functionName,
    configuration,
    layers,
    revisionId: textMember(json, 'RevisionId'),
  })
  const body = configurationBody(deps.place, version, undefined)
  return { status: 200, body, ...decided(decisionId) }
}

/** Of replicas at the edge, of which there are none here: any region's functions are those of this place. */
const MASTER_REGION = 'ALL|(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}'

async function list(deps: Deps, request: LambdaRequest): Promise<LambdaAnswer> {
  const check = new ConstraintCheck()
  const versions = queryMember(request, 'FunctionVersion')
  check.oneOf('functionVersion', versions, ['ALL'])
  const region = queryMember(request, 'MasterRegion')
  check.length('masterRegion', region, { min: 1, max: 50 })
  check.pattern('masterRegion', region, anchored(MASTER_REGION), MASTER_REGION)
  const asked = readPageAsked(check, request, 10_000)
  check.finish()
  const all = versions === 'ALL'
  const page = await listFunctions(deps, { ...asked, all })
  const functions = page.items.map((version) =>
    toFunctionConfiguration(deps.place, version, {
      qualifier: all ? version.version : undefined,
      form: 'list',
    }),
  )
  return { status: 200, body: { Functions: functions, ...nextMarker(page.nextMarker) } }
}
