import { openArtifact } from '../../services/artifact/index.ts'
import { newFunction, uploadZip, type DeployOptions } from '../deploying/index.ts'
import { openFileSource } from '../files.ts'
import { aliasMove, paths, type JsonObject, type Service } from '../service/index.ts'
import type { Terminal } from '../terminal.ts'

/** What a deployment of this zip would be: the bytes are uploaded, and nothing is deployed. @throws PlatformError INVALID_ARTIFACT */
export async function codeChange(
  { service, terminal }: { readonly service: Service; readonly terminal: Terminal },
  file: string,
  options: DeployOptions,
): Promise<JsonObject> {
  using source = openFileSource(file)
  const { codeSha256 } = await openArtifact(source)
  await uploadZip(service, terminal, { source, codeSha256 })
  const code = { S3Bucket: 'lacre', S3Key: codeSha256 }
  const { function: functionName, alias } = options
  const existing = await service.find(paths.configuration(functionName))
  const common = { kind: 'lambda', functionName, alias }
  return existing === undefined
    ? { ...common, operation: 'CreateFunction', body: { ...newFunction(options), Code: code } }
    : { ...common, operation: 'UpdateFunctionCode', body: code }
}

/** Where an alias would point: made where it is not there. */
export async function aliasChange(
  service: Service,
  move: { readonly functionName: string; readonly alias: string; readonly version: string },
  weight: number | undefined,
): Promise<JsonObject> {
  const { functionName, alias, version } = move
  const existing = await service.find(paths.alias(functionName, alias))
  return existing === undefined
    ? {
        kind: 'lambda',
        operation: 'CreateAlias',
        functionName,
        alias,
        body: { FunctionVersion: version },
      }
    : {
        kind: 'lambda',
        operation: 'UpdateAlias',
        functionName,
        alias,
        body: aliasMove(version, weight),
      }
}
