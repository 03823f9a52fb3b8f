import { PlatformError, type Clock } from '../../services/model/index.ts'
import type { Terminal } from '../terminal.ts'
import { text, type JsonObject, type Service } from './service.ts'

/** Paths of Lambda's API, as AWS has them. */
export const paths = {
  functions: '/2015-03-31/functions',
  function: (name: string) => `/2015-03-31/functions/${encodeURIComponent(name)}`,
  code: (name: string) => `${paths.function(name)}/code`,
  configuration: (name: string) => `${paths.function(name)}/configuration`,
  versions: (name: string) => `${paths.function(name)}/versions`,
  aliases: (name: string) => `${paths.function(name)}/aliases`,
  alias: (name: string, alias: string) => `${paths.aliases(name)}/${encodeURIComponent(alias)}`,
  signing: (name: string) =>
    `/2020-06-30/functions/${encodeURIComponent(name)}/code-signing-config`,
  invocations: (name: string) => `${paths.function(name)}/invocations`,
  artifact: (sha256: string) => `/api/v1/artifacts/${sha256}`,
  seals: (sha256: string) => `/api/v1/artifacts/${sha256}/seals`,
  attestations: (sha256: string) => `/api/v1/artifacts/${sha256}/attestations`,
  summary: (decision: string) => `/api/v1/decisions/${encodeURIComponent(decision)}/vsa`,
} as const

const FIRST_WAIT_MS = 50
const LONGEST_WAIT_MS = 1_000
/** A 250 MB artifact settles in seconds; what takes longer than this does not settle. */
const SETTLE_LIMIT_MS = 300_000

/**
 * Waits until what was deployed can be invoked: State Active, and no update in progress.
 * @throws PlatformError ACTIVATION_FAILED with the service's reason, FUNCTION_NOT_READY after five minutes
 */
export async function settled(
  service: Service,
  wanted: { readonly name: string; readonly qualifier?: string },
  at: { readonly clock: Clock; readonly terminal: Terminal },
): Promise<JsonObject> {
  const start = at.clock.monotonicMs()
  const progress = at.terminal.progress(`activating ${wanted.name}`)
  try {
    for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)) {
      const configuration = await service.get(paths.configuration(wanted.name), {
        Qualifier: wanted.qualifier,
      })
      if (isSettled(configuration)) return configuration
      const elapsedMs = at.clock.monotonicMs() - start
      if (elapsedMs > SETTLE_LIMIT_MS) {
        throw new PlatformError('FUNCTION_NOT_READY', `\`${wanted.name}\` is still being activated`)
      }
      progress.update(elapsedMs, SETTLE_LIMIT_MS)
      await at.clock.sleep(waitMs)
    }
  } finally {
    progress.end()
  }
}

function isSettled(configuration: JsonObject): boolean {
  const { State: state, LastUpdateStatus: update } = configuration
  if (state === 'Failed' || update === 'Failed') {
    const reason = configuration['LastUpdateStatusReason'] ?? configuration['StateReason']
    throw new PlatformError(
      'ACTIVATION_FAILED',
      `the code could not be activated: ${typeof reason === 'string' ? reason : 'no reason given'}`,
    )
  }
  return state !== 'Pending' && update !== 'InProgress'
}

/** `NAME` or `NAME:QUALIFIER`. */
export function splitQualifier(target: string): { name: string; qualifier: string | undefined } {
  const at = target.indexOf(':')
  // An ARN has its own colons and is sent as it is.
  if (at < 0 || target.startsWith('arn:')) return { name: target, qualifier: undefined }
  return { name: target.slice(0, at), qualifier: target.slice(at + 1) }
}

/** Points an alias at a version, or makes it; with a weight the version takes that share beside what stands there. */
export async function pointAlias(
  service: Service,
  move: { readonly name: string; readonly alias: string; readonly version: string },
  weight: number | undefined,
): Promise<{ readonly alias: JsonObject; readonly decisionId: string | undefined }> {
  const { name, alias, version } = move
  const current = await service.find(paths.alias(name, alias))
  if (current === undefined) {
    if (weight !== undefined) {
      throw new PlatformError(
        'INVALID_PARAMETER',
        `there is no alias \`${alias}\` yet: a weight wants a version beside which it stands`,
      )
    }
    const made = await service.change('POST', paths.aliases(name), {
      Name: alias,
      FunctionVersion: version,
    })
    return { alias: made.body, decisionId: made.decisionId }
  }
  const moved = await service.change('PUT', paths.alias(name, alias), {
    ...aliasMove(version, weight),
    // Whoever moved it meanwhile is not overwritten.
    RevisionId: text(current, 'RevisionId'),
  })
  return { alias: moved.body, decisionId: moved.decisionId }
}

/** UpdateAlias's members for a whole move, or for a share beside what the alias serves. */
export function aliasMove(version: string, weight: number | undefined): JsonObject {
  return weight === undefined
    ? { FunctionVersion: version, RoutingConfig: { AdditionalVersionWeights: {} } }
    : { RoutingConfig: { AdditionalVersionWeights: { [version]: weight } } }
}
