import { toAliasConfiguration, type AliasRouting } from '../../catalog/index.ts'
import { PlatformError } from '../../model/index.ts'
import {
  createAlias,
  deleteAlias,
  getAlias,
  listAliases,
  updateAlias,
  type Deps,
} from '../../operations/index.ts'
import { decided } from './answers.ts'
import { anchored, checkFunctionName } from './function-name.ts'
import type { JsonObject, LambdaAnswer, LambdaHandlers, LambdaRequest } from './handler.ts'
import { objectMember, queryMember, textMember } from './members.ts'
import { nextMarker, readPageAsked } from './page-input.ts'
import { ConstraintCheck } from './validation.ts'

/** As AWS prints them (recorded: TestLambdaAlias). */
const ALIAS_NAME = '(?!^[0-9]+$)([a-zA-Z0-9-_]+)'
const VERSION = '(\\$LATEST(\\.PUBLISHED)?|[0-9]+)'
const WEIGHTED_VERSION = '[0-9]+'

export function aliasHandlers(deps: Deps): LambdaHandlers {
  return {
    CreateAlias: (request) => create(deps, request),
    UpdateAlias: (request) => update(deps, request),
    GetAlias: async (request) => {
      const { functionName, alias } = await getAlias(deps, readNamed(request))
      return { status: 200, body: toAliasConfiguration(deps.place, functionName, alias) }
    },
    ListAliases: (request) => list(deps, request),
    DeleteAlias: async (request) => {
      const { decisionId } = await deleteAlias(deps, request.caller, readNamed(request))
      return { status: 204, ...decided(decisionId) }
    },
  }
}

async function create(deps: Deps, request: LambdaRequest): Promise<LambdaAnswer> {
  const { json } = request
  const check = new ConstraintCheck()
  const functionName = request.path['FunctionName'] ?? ''
  checkFunctionName(check, functionName, 'strict')
  const name = textMember(json, 'Name')
  if (check.required('name', name)) checkAliasName(check, name)
  const version = textMember(json, 'FunctionVersion')
  if (check.required('functionVersion', version)) checkVersion(check, version)
  const description = textMember(json, 'Description')
  check.length('description', description, { max: 256 })
  const weights = readWeights(check, json)
  check.finish()
  const { alias, decisionId, ...named } = await createAlias(deps, request.caller, {
    functionName,
    name: name ?? '',
    version: version ?? '',
    description: description ?? '',
    routing: toRouting(weights) ?? null,
  })
  const body = toAliasConfiguration(deps.place, named.functionName, alias)
  return { status: 201, body, ...decided(decisionId) }
}

async function update(deps: Deps, request: LambdaRequest): Promise<LambdaAnswer> {
  const { json } = request
  const check = new ConstraintCheck()
  const functionName = request.path['FunctionName'] ?? ''
  checkFunctionName(check, functionName, 'strict')
  const name = request.path['Name'] ?? ''
  checkAliasName(check, name)
  const version = textMember(json, 'FunctionVersion')
  checkVersion(check, version)
  const description = textMember(json, 'Description')
  check.length('description', description, { max: 256 })
  const weights = readWeights(check, json)
  check.finish()
  const { alias, decisionId, ...named } = await updateAlias(deps, request.caller, {
    functionName,
    name,
    version,
    description,
    routing: toRouting(weights),
    revisionId: textMember(json, 'RevisionId'),
  })
  const body = toAliasConfiguration(deps.place, named.functionName, alias)
  return { status: 200, body, ...decided(decisionId) }
}

async function list(deps: Deps, request: LambdaRequest): Promise<LambdaAnswer> {
  const check = new ConstraintCheck()
  const functionName = request.path['FunctionName'] ?? ''
  checkFunctionName(check, functionName, 'strict')
  const version = queryMember(request, 'FunctionVersion')
  checkVersion(check, version)
  const asked = readPageAsked(check, request, 10_000)
  check.finish()
  const page = await listAliases(deps, { ...asked, functionName, version })
  const aliases = page.items.map((found) =>
    toAliasConfiguration(deps.place, found.functionName, found.alias),
  )
  return { status: 200, body: { Aliases: aliases, ...nextMarker(page.nextMarker) } }
}

function readNamed(request: LambdaRequest): {
  readonly functionName: string
  readonly name: string
} {
  const check = new ConstraintCheck()
  const functionName = request.path['FunctionName'] ?? ''
  checkFunctionName(check, functionName, 'strict')
  const name = request.path['Name'] ?? ''
  checkAliasName(check, name)
  check.finish()
  return { functionName, name }
}

function checkAliasName(check: ConstraintCheck, name: string | undefined): void {
  check.length('name', name, { min: 1, max: 128 })
  check.pattern('name', name, anchored(ALIAS_NAME), ALIAS_NAME)
}

function checkVersion(check: ConstraintCheck, version: string | undefined): void {
  check.length('functionVersion', version, { min: 1, max: 1_024 })
  check.pattern('functionVersion', version, anchored(VERSION), VERSION)
}

type Weights = readonly (readonly [version: string, weight: number])[]

/** `undefined` where no RoutingConfig was given; an empty one takes the second version away. */
function readWeights(check: ConstraintCheck, body: JsonObject): Weights | undefined {
  const routing = objectMember(body, 'RoutingConfig')
  if (routing === undefined) return undefined
  const map = objectMember(routing, 'AdditionalVersionWeights') ?? {}
  const at = 'routingConfig.additionalVersionWeights'
  const pattern = anchored(WEIGHTED_VERSION)
  const weights = Object.entries(map).map(([version, weight]): [string, number] => {
    if (typeof weight === 'number') return [version, weight]
    throw new PlatformError('INVALID_REQUEST_CONTENT', 'a weight must be a number', {
      detail: { awsType: 'SerializationException' },
    })
  })
  const shown = `{${weights.map(([version, weight]) => `${version}=${toJavaDouble(weight)}`).join(', ')}}`
  if (weights.some(([version]) => version.length > 1_024 || !pattern.test(version))) {
    check.fail(
      at,
      shown,
      `Map keys must satisfy constraint: [Member must have length less than or equal to 1024, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: ${WEIGHTED_VERSION}]`,
    )
  }
  if (weights.some(([, weight]) => !(weight >= 0 && weight <= 1))) {
    check.fail(
      at,
      shown,
      'Map value must satisfy constraint: [Member must have value less than or equal to 1.0, Member must have value greater than or equal to 0.0, Member must not be null]',
    )
  }
  return weights
}

/** Recorded: AWS prints whole weights as `2.0`. */
function toJavaDouble(weight: number): string {
  return Number.isInteger(weight) ? `${weight}.0` : String(weight)
}

/** @throws PlatformError INVALID_PARAMETER: an alias has at most one extra weight */
function toRouting(weights: Weights | undefined): AliasRouting | null | undefined {
  if (weights === undefined) return undefined
  if (weights.length > 1) {
    throw new PlatformError(
      'INVALID_PARAMETER',
      'Number of items in AdditionalVersionWeights cannot be greater than 1',
    )
  }
  const [only] = weights
  return only === undefined ? null : { version: only[0], weight: only[1] }
}
