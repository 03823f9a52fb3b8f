import {
  functionArn,
  layerArn,
  sha256,
  toAwsTimestamp,
  toBase64Digest,
  type Json,
  type Place,
} from '../model/index.ts'
import type { AliasRecord } from './aliases.ts'
import { answeredConfiguration } from './configuration.ts'
import type { LayerVersionRecord } from './layers.ts'
import type { VersionRecord } from './versions.ts'

export type Answer = { readonly [name: string]: Json | undefined }

/**
 * AWS's FunctionConfiguration. `arn` is the function's as asked for: with the alias or number, or without
 * (SPEC A2). Lists leave out the states and the runtime version (recorded: list_versions_result).
 */
export function toFunctionConfiguration(
  place: Place,
  version: VersionRecord,
  asked: { readonly qualifier: string | undefined; readonly form: 'full' | 'list' },
): Answer {
  return {
    FunctionName: version.functionName,
    FunctionArn: functionArn(place, version.functionName, asked.qualifier),
    ...answeredConfiguration(version.configuration),
    CodeSha256: toBase64Digest(version.codeSha256),
    CodeSize: version.codeSizeBytes,
    LastModified: toAwsTimestamp(version.lastModifiedMs),
    RevisionId: version.revisionId,
    Version: version.version,
    ...(version.layers.length === 0
      ? {}
      : {
          Layers: version.layers.map((layer) => ({
            Arn: layer.arn,
            CodeSize: layer.codeSizeBytes,
          })),
        }),
    ...(asked.form === 'full' ? statusMembers(place, version) : {}),
  }
}

function statusMembers(place: Place, version: VersionRecord): Answer {
  const { Runtime } = version.configuration
  return {
    State: version.state,
    StateReason: version.stateReason ?? undefined,
    StateReasonCode: version.stateReasonCode ?? undefined,
    LastUpdateStatus: version.lastUpdateStatus ?? undefined,
    LastUpdateStatusReason: version.lastUpdateStatusReason ?? undefined,
    LastUpdateStatusReasonCode: version.lastUpdateStatusReasonCode ?? undefined,
    RuntimeVersionConfig: {
      RuntimeVersionArn: `arn:aws:lambda:${place.region}::runtime:${sha256('lacre runtime v1\0', Runtime)}`,
    },
  }
}

/** AWS's AliasConfiguration; RoutingConfig is there only where there is a second version. */
export function toAliasConfiguration(
  place: Place,
  functionName: string,
  alias: AliasRecord,
): Answer {
  return {
    AliasArn: functionArn(place, functionName, alias.name),
    Name: alias.name,
    FunctionVersion: alias.version,
    Description: alias.description,
    ...(alias.routing === null
      ? {}
      : {
          RoutingConfig: {
            AdditionalVersionWeights: { [alias.routing.version]: alias.routing.weight },
          },
        }),
    RevisionId: alias.revisionId,
  }
}

/** AWS's LayerVersionsListItem. */
export function toLayerListItem(layer: LayerVersionRecord): Answer {
  return {
    LayerVersionArn: layer.arn,
    Version: layer.version,
    Description: layer.description,
    CreatedDate: toAwsTimestamp(layer.createdAtMs),
    CompatibleRuntimes: layer.compatibleRuntimes ?? undefined,
    CompatibleArchitectures: layer.compatibleArchitectures ?? undefined,
    LicenseInfo: layer.license ?? undefined,
  }
}

/** AWS's GetLayerVersionResponse, without the download link. */
export function toLayerVersion(place: Place, layer: LayerVersionRecord): Answer {
  return {
    ...toLayerListItem(layer),
    LayerArn: layerArn(place, layer.name),
    Content: {
      CodeSha256: toBase64Digest(layer.artifact.codeSha256),
      CodeSize: layer.artifact.sizeBytes,
    },
  }
}
