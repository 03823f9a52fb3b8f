import { releaseDigest, type ReleaseLayer, type Sha256 } from '../model/index.ts'
import type { FunctionConfigurationDocument } from './configuration.ts'

/**
 * The digest of what would run. `hmac` keeps environment values out of it: the digest is shown, and a short value
 * could be guessed from a plain hash (RULES, Words).
 */
export function releaseOf(
  parts: {
    readonly artifact: Sha256
    readonly layers: readonly ReleaseLayer[]
    readonly configuration: FunctionConfigurationDocument
  },
  hmac: (value: string) => string,
): Sha256 {
  const { configuration } = parts
  const variables = configuration.Environment?.Variables ?? {}
  return releaseDigest({
    artifact: parts.artifact,
    layers: parts.layers.map((layer) => layer.sha256),
    runtime: configuration.Runtime,
    handler: configuration.Handler,
    architecture: configuration.Architectures[0] ?? 'x86_64',
    wrapper: variables['AWS_LAMBDA_EXEC_WRAPPER'] ?? null,
    environment: Object.fromEntries(
      Object.entries(variables).map(([name, value]) => [name, hmac(`${name}\0${value}`)]),
    ),
    egress: configuration.Egress ?? [],
  })
}
