import { withConfiguration, type ConfigurationInput } from '../catalog/index.ts'
import type { Caller, Deps } from './context.ts'
import type { VersionChange } from './create-function.ts'
import { locateUnqualified } from './function-reference.ts'
import { checkUnzippedSize, resolveLayers } from './release-plan.ts'
import { checkSnapStart } from './snap-start.ts'
import { updateLatest } from './update-latest.ts'

export interface UpdateFunctionConfigurationInput {
  readonly functionName: string
  readonly configuration: ConfigurationInput
  /** The whole list; `undefined` keeps what is attached, also layer versions deleted since. */
  readonly layers?: readonly string[] | undefined
  readonly revisionId?: string | undefined
}

/** A configuration change is judged as an upload is: handler, runtime, environment and layers decide what runs (RULES P2). */
export async function updateFunctionConfiguration(
  deps: Deps,
  caller: Caller,
  input: UpdateFunctionConfigurationInput,
): Promise<VersionChange> {
  return await updateLatest(deps, caller, {
    action: 'lambda:UpdateFunctionConfiguration',
    name: locateUnqualified(deps.place, input.functionName),
    revisionId: input.revisionId,
    publish: false,
    dryRun: false,
    change: async (reader, latest) => {
      const { codeSha256, sha256, codeSizeBytes: sizeBytes } = latest
      const attached =
        input.layers === undefined
          ? undefined
          : await resolveLayers(reader, deps.place, input.layers)
      if (attached !== undefined) checkUnzippedSize(latest, attached)
      const configuration = withConfiguration(latest.configuration, input.configuration)
      checkSnapStart(configuration)
      return {
        code: { codeSha256, sha256, sizeBytes },
        configuration,
        layers: attached ?? latest.layers,
      }
    },
  })
}
