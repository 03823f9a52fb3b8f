import { artifactsByDigest, withConfiguration } from '../catalog/index.ts'
import { PlatformError } from '../model/index.ts'
import { checkCodeStorage } from './account-settings.ts'
import { openCode, type CodeSource } from './code-source.ts'
import type { Caller, Deps } from './context.ts'
import type { VersionChange } from './create-function.ts'
import { locateUnqualified } from './function-reference.ts'
import { checkUnzippedSize } from './release-plan.ts'
import { updateLatest } from './update-latest.ts'

export interface UpdateFunctionCodeInput {
  readonly functionName: string
  readonly code: CodeSource
  readonly architectures?: readonly string[] | undefined
  readonly publish: boolean
  readonly dryRun: boolean
  readonly revisionId?: string | undefined
}

/** New code for `$LATEST`, and with `publish` the next version of it, which is then what is answered. */
export async function updateFunctionCode(
  deps: Deps,
  caller: Caller,
  input: UpdateFunctionCodeInput,
): Promise<VersionChange> {
  const name = locateUnqualified(deps.place, input.functionName)
  using code = await openCode(deps, input.code)
  const { identity, artifact } = code
  return await updateLatest(deps, caller, {
    action: 'lambda:UpdateFunctionCode',
    name,
    revisionId: input.revisionId,
    publish: input.publish,
    dryRun: input.dryRun,
    change: async (reader, latest) => {
      const digests = latest.layers.map((layer) => layer.codeSha256)
      const artifacts = await artifactsByDigest(reader, digests)
      const layers = digests.map((digest) => {
        const found = artifacts.get(digest)
        if (found === undefined) throw new PlatformError('INTERNAL', 'a layer has no artifact')
        return found
      })
      checkUnzippedSize(identity, layers)
      await checkCodeStorage(deps, reader, identity.sizeBytes * (input.publish ? 2 : 1))
      return {
        code: identity,
        artifact,
        configuration: withConfiguration(latest.configuration, {
          Architectures: input.architectures,
        }),
        layers: latest.layers,
      }
    },
  })
}
