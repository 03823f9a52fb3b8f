import {
  insertArtifact,
  insertLayerVersion,
  takeLayerNumber,
  type LayerVersionRecord,
} from '../catalog/index.ts'
import { layerArn, layerVersionArn } from '../model/index.ts'
import { checkCodeStorage } from './account-settings.ts'
import { openCode, type CodeSource } from './code-source.ts'
import type { Caller, Deps } from './context.ts'
import { govern, type Committed } from './gate.ts'
import { locateLayer } from './layer-reference.ts'
import { checkUnzippedSize } from './release-plan.ts'

export interface PublishLayerVersionInput {
  /** A name or an ARN of this place. */
  readonly layerName: string
  readonly content: CodeSource
  readonly description: string
  readonly license: string | null
  readonly compatibleRuntimes: readonly string[] | null
  readonly compatibleArchitectures: readonly string[] | null
}

export interface LayerChange {
  readonly layer: LayerVersionRecord
  readonly decisionId: string
}

/**
 * A layer runs in every function that takes it: it is examined, judged and kept as code is. Signing checks belong to
 * the functions' configs and are made when it is attached; a tampered one is refused here already.
 */
export async function publishLayerVersion(
  deps: Deps,
  caller: Caller,
  input: PublishLayerVersionInput,
): Promise<LayerChange> {
  const name = locateLayer(deps.place, input.layerName)
  using content = await openCode(deps, input.content)
  checkUnzippedSize(content.identity, [])
  const { codeSha256 } = content.identity
  const { result, decision } = await govern(deps, caller, {
    action: 'lambda:PublishLayerVersion',
    resource: layerArn(deps.place, name),
    raisesWorld: false,
    read: async (reader) => {
      await checkCodeStorage(deps, reader, content.identity.sizeBytes)
      return {
        change: { from: null, to: content.identity.sha256 },
        release: null,
        subjects: [
          {
            kind: 'layer' as const,
            arn: layerArn(deps.place, name),
            name,
            codeSha256,
            ...(content.artifact === undefined ? {} : { artifact: content.artifact }),
          },
        ],
        codeSigningConfigId: null,
        environmentNames: [],
      }
    },
    commit: async (tx, admitted, atMs): Promise<Committed<LayerVersionRecord>> => {
      const number = await takeLayerNumber(tx, name)
      const layer: LayerVersionRecord = {
        arn: layerVersionArn(deps.place, name, number.version),
        name,
        version: number.version,
        description: input.description,
        license: input.license,
        compatibleRuntimes: input.compatibleRuntimes,
        compatibleArchitectures: input.compatibleArchitectures,
        artifact: content.identity,
        decisionId: admitted.decision.id,
        createdAtMs: atMs,
      }
      const touched = [number.touched]
      for (const accepted of admitted.accepted)
        touched.push(...(await insertArtifact(tx, accepted, atMs)))
      touched.push(await insertLayerVersion(tx, layer))
      return { result: layer, touched }
    },
  })
  return { layer: result, decisionId: decision.id }
}
