import { withEgress } from '../catalog/index.ts'
import { parseEgressList } from '../model/index.ts'
import type { Caller, Deps } from './context.ts'
import type { VersionChange } from './create-function.ts'
import { locateUnqualified, type FunctionAsked } from './function-reference.ts'
import { getFunction } from './get-function.ts'
import { updateLatest } from './update-latest.ts'

/** Where a version may connect to, and whether that is opened here. */
export interface EgressShown {
  readonly version: string
  /** As `parseEgressList` gives it. */
  readonly allow: readonly string[]
  /** False where `serve` runs without `--egress` or without a sandbox: the list is kept, and nothing is opened. */
  readonly opened: boolean
}

/**
 * The hosts that `$LATEST` may connect to; published versions keep theirs. A configuration change, judged as an upload is
 * (RULES P2): the list is part of the release. It is kept, and opens nothing, where the operator did not turn egress on.
 * @throws PlatformError INVALID_PARAMETER, FUNCTION_NOT_FOUND, RESOURCE_CONFLICT, and what the gate throws
 */
export async function setEgress(
  deps: Deps,
  caller: Caller,
  input: { readonly functionName: string; readonly allow: readonly string[] },
): Promise<VersionChange> {
  const allow = parseEgressList(input.allow)
  return await updateLatest(deps, caller, {
    action: 'lacre:PutEgress',
    name: locateUnqualified(deps.place, input.functionName),
    publish: false,
    dryRun: false,
    note: { egress: allow },
    change: (_reader, latest) => {
      const { codeSha256, sha256, codeSizeBytes: sizeBytes, layers } = latest
      const configuration = withEgress(latest.configuration, allow)
      return Promise.resolve({ code: { codeSha256, sha256, sizeBytes }, configuration, layers })
    },
  })
}

/** Of `$LATEST`, or of what the qualifier names. @throws PlatformError FUNCTION_NOT_FOUND */
export async function readEgress(deps: Deps, asked: FunctionAsked): Promise<EgressShown> {
  const { version } = await getFunction(deps, asked)
  const allow = version.configuration.Egress ?? []
  return { version: version.version, allow, opened: deps.runtime.opensEgress }
}
