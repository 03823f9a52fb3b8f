import {
  toLayerListItem,
  toLayerVersion,
  type Answer,
  type LayerVersionRecord,
} from '../../catalog/index.ts'
import { PlatformError, layerArn } from '../../model/index.ts'
import {
  deleteLayerVersion,
  getLayerVersion,
  getLayerVersionByArn,
  listLayerVersions,
  listLayers,
  publishLayerVersion,
  type Deps,
  type LayerFilter,
} from '../../operations/index.ts'
import { decided, downloadLocation } from './answers.ts'
import { checkCode, toCodeSource } from './code-input.ts'
import { readArchitectures } from './configuration-input.ts'
import { anchored } from './function-name.ts'
import type { LambdaAnswer, LambdaHandlers, LambdaRequest } from './handler.ts'
import { objectMember, queryMember, textMember, textsMember } from './members.ts'
import { nextMarker, readPageAsked } from './page-input.ts'
import { checkCompatibleRuntime, checkCompatibleRuntimes } from './runtimes.ts'
import { ConstraintCheck } from './validation.ts'

const REGION = '(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}'
const LAYER_NAME = `(arn:(aws[a-zA-Z-]*)?:lambda:${REGION}:\\d{12}:layer:[a-zA-Z0-9-_]+)|[a-zA-Z0-9-_]+`
const LAYER_VERSION_ARN = `(arn:(aws[a-zA-Z-]*)?:lambda:${REGION}:\\d{12}:layer:[a-zA-Z0-9-_]+:[0-9]+)|(arn:[a-zA-Z0-9-]+:lambda:::awslayer:[a-zA-Z0-9-_]+)`

export function layerHandlers(deps: Deps): LambdaHandlers {
  return {
    PublishLayerVersion: (request) => publish(deps, request),
    GetLayerVersion: async (request) =>
      answerLayer(deps, request, await getLayerVersion(deps, readNumbered(request))),
    GetLayerVersionByArn: async (request) => {
      const check = new ConstraintCheck()
      const arn = queryMember(request, 'Arn')
      check.required('arn', arn)
      check.pattern('arn', arn, anchored(LAYER_VERSION_ARN), LAYER_VERSION_ARN)
      check.finish()
      return answerLayer(deps, request, await getLayerVersionByArn(deps, arn ?? ''))
    },
    DeleteLayerVersion: async (request) => {
      const { decisionId } = await deleteLayerVersion(deps, request.caller, readNumbered(request))
      return { status: 204, ...decided(decisionId) }
    },
    ListLayers: (request) => list(deps, request),
    ListLayerVersions: (request) => listVersions(deps, request),
  }
}

async function publish(deps: Deps, request: LambdaRequest): Promise<LambdaAnswer> {
  const { json } = request
  const check = new ConstraintCheck()
  const layerName = readLayerName(check, request)
  const runtimes = textsMember(json, 'CompatibleRuntimes')
  checkCompatibleRuntimes(check, runtimes)
  const architectures = readArchitectures(check, json, 'compatibleArchitectures')
  const description = textMember(json, 'Description')
  check.length('description', description, { max: 256 })
  const license = textMember(json, 'LicenseInfo')
  check.length('licenseInfo', license, { max: 512 })
  const content = objectMember(json, 'Content') ?? {}
  if (request.zip === undefined) check.required('content', json['Content'])
  checkCode(check, content, 'content')
  check.finish()
  const { layer, decisionId } = await publishLayerVersion(deps, request.caller, {
    layerName,
    content: toCodeSource(request, content),
    description: description ?? '',
    license: license ?? null,
    compatibleRuntimes: runtimes ?? null,
    compatibleArchitectures: architectures ?? null,
  })
  return { ...answerLayer(deps, request, layer), status: 201, ...decided(decisionId) }
}

async function list(deps: Deps, request: LambdaRequest): Promise<LambdaAnswer> {
  const check = new ConstraintCheck()
  const filter = readFilter(check, request)
  const asked = readPageAsked(check, request, 50)
  check.finish()
  const page = await listLayers(deps, { ...asked, ...filter })
  const layers = page.items.map((layer) => ({
    LayerName: layer.name,
    LayerArn: layerArn(deps.place, layer.name),
    LatestMatchingVersion: toLayerListItem(layer),
  }))
  return { status: 200, body: { Layers: layers, ...nextMarker(page.nextMarker) } }
}

async function listVersions(deps: Deps, request: LambdaRequest): Promise<LambdaAnswer> {
  const check = new ConstraintCheck()
  const layerName = readLayerName(check, request)
  const filter = readFilter(check, request)
  const asked = readPageAsked(check, request, 50)
  check.finish()
  const page = await listLayerVersions(deps, { ...asked, ...filter, layerName })
  const versions = page.items.map(toLayerListItem)
  return { status: 200, body: { LayerVersions: versions, ...nextMarker(page.nextMarker) } }
}

function answerLayer(deps: Deps, request: LambdaRequest, layer: LayerVersionRecord): LambdaAnswer {
  const body = toLayerVersion(deps.place, layer)
  const content: Answer = {
    ...(body['Content'] as Answer),
    Location: downloadLocation(deps, request, layer.artifact.codeSha256),
  }
  return { status: 200, body: { ...body, Content: content } }
}

function readFilter(check: ConstraintCheck, request: LambdaRequest): LayerFilter {
  const architecture = queryMember(request, 'CompatibleArchitecture')
  check.oneOf('compatibleArchitecture', architecture, ['x86_64', 'arm64'])
  const runtime = queryMember(request, 'CompatibleRuntime')
  checkCompatibleRuntime(check, runtime)
  return { architecture, runtime }
}

function readLayerName(check: ConstraintCheck, request: LambdaRequest): string {
  const name = request.path['LayerName'] ?? ''
  check.length('layerName', name, { min: 1, max: 140 })
  check.pattern('layerName', name, anchored(LAYER_NAME), LAYER_NAME)
  return name
}

/** A layer version of a path, checked together with what else was looked at. */
export function readNumbered(
  request: LambdaRequest,
  check = new ConstraintCheck(),
): { readonly layerName: string; readonly version: number } {
  const layerName = readLayerName(check, request)
  check.finish()
  const text = request.path['VersionNumber'] ?? ''
  if (!/^-?[0-9]{1,15}$/.test(text)) {
    throw new PlatformError('INVALID_REQUEST_CONTENT', '`VersionNumber` must be an integer', {
      detail: { awsType: 'SerializationException' },
    })
  }
  return { layerName, version: Number(text) }
}
