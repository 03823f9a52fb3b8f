import {
  findLayerVersion,
  toReleaseLayer,
  type FunctionConfigurationDocument,
  type VersionLayer,
  type VersionRecord,
} from '../catalog/index.ts'
import {
  PlatformError,
  functionArn,
  limits,
  parseLayerVersionArn,
  type ArtifactIdentity,
  type Place,
} from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import type { ChangeFactsInput, ExaminedArtifact, Subject } from './change.ts'

/** A layer as it would be attached, with what counts against the unzipped limit. */
export interface AttachedLayer extends VersionLayer {
  readonly unzippedBytes: number
}

/**
 * The layer versions that a list of ARNs names, in its order. The sentences are AWS's (recorded: TestLambdaLayer).
 * @throws PlatformError INVALID_PARAMETER, ACCESS_DENIED (another account's)
 */
export async function resolveLayers(
  reader: Reader,
  place: Place,
  arns: readonly string[],
): Promise<AttachedLayer[]> {
  if (arns.length > limits.LAYERS_LIMIT)
    throw invalid(`Cannot reference more than ${limits.LAYERS_LIMIT} layers.`)
  const attached: AttachedLayer[] = []
  const byName = new Map<string, string>()
  for (const arn of arns) {
    const reference = parseLayerVersionArn(arn)
    if (reference === undefined) throw invalid(`Layer version ${arn} does not exist.`)
    if (reference.region !== place.region) {
      throw invalid(
        `Layers are not in the same region as the function. Layers are expected to be in region ${place.region}.`,
      )
    }
    if (reference.account !== place.account) {
      throw new PlatformError(
        'ACCESS_DENIED',
        `account \`${reference.account}\` is not the one served here: ${arn}`,
      )
    }
    const layer = await findLayerVersion(reader, arn)
    if (layer === undefined) throw invalid(`Layer version ${arn} does not exist.`)
    const other = byName.get(layer.name)
    if (other !== undefined) {
      throw invalid(
        `Two different versions of the same layer are not allowed to be referenced in the same function. ${other} and ${arn} are versions of the same layer.`,
      )
    }
    byName.set(layer.name, arn)
    attached.push({ ...toReleaseLayer(layer), unzippedBytes: layer.artifact.unzippedBytes })
  }
  return attached
}

function invalid(message: string): PlatformError {
  return new PlatformError('INVALID_PARAMETER', message)
}

/** AWS: layers count inside the 250 MB of the function. */
export function checkUnzippedSize(
  code: Pick<ArtifactIdentity, 'unzippedBytes'>,
  layers: readonly Pick<AttachedLayer, 'unzippedBytes'>[],
): void {
  const limit = limits.UNZIPPED_SIZE_LIMIT_BYTES
  const bytes = layers.reduce((sum, layer) => sum + layer.unzippedBytes, code.unzippedBytes)
  if (bytes < limit) return
  throw invalid(
    layers.length === 0
      ? `Unzipped size must be smaller than ${limit} bytes`
      : `Function code combined with layers exceeds the maximum allowed size of ${limit} bytes. The actual size is ${bytes} bytes.`,
  )
}

/** The code and every layer of a version: all of them are judged with the function (DESIGN §5). */
export function subjectsOf(
  place: Place,
  version: Pick<VersionRecord, 'functionName' | 'version' | 'codeSha256'> & {
    readonly layers: readonly Pick<VersionLayer, 'arn' | 'codeSha256'>[]
  },
  artifact?: ExaminedArtifact,
): Subject[] {
  const { functionName, layers } = version
  const code: Subject = {
    kind: 'function',
    arn: functionArn(place, functionName, version.version),
    name: functionName,
    codeSha256: version.codeSha256,
    ...(artifact === undefined ? {} : { artifact }),
  }
  return [
    code,
    ...layers.map((layer): Subject => ({
      kind: 'layer',
      arn: layer.arn,
      name: parseLayerVersionArn(layer.arn)?.name ?? layer.arn,
      codeSha256: layer.codeSha256,
    })),
  ]
}

/** What of configurations is judged beside the code: all of these would be reached at once. */
export function configured(
  ...configurations: readonly FunctionConfigurationDocument[]
): Required<Pick<ChangeFactsInput, 'environmentNames' | 'egress'>> {
  const variables = configurations.flatMap((each) => Object.keys(each.Environment?.Variables ?? {}))
  const egress = configurations.flatMap((each) => each.Egress ?? [])
  return { environmentNames: [...new Set(variables)], egress: [...new Set(egress)].toSorted() }
}
