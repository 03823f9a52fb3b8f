import { join } from 'node:path'

import { PlatformError, sha256 } from '../../../services/model/index.ts'
import { readSmallFile } from '../read-file.ts'
import { toServiceUrl } from './exchange.ts'
import { quoteForeign } from './foreign-text.ts'

const FETCH_TIMEOUT_MS = 20_000
const FETCH_RETRIES = 1
const TARGET_LIMIT_BYTES = 1_048_576
/** In characters. */
const TARGET_PATH_LIMIT = 128

export interface TrustRepository {
  readonly mirror: string
  /** The root metadata that is believed to begin with: from whoever runs the repository, by another way than its mirror. */
  readonly rootFile: string
  /** What was last seen is kept here: without it a mirror could hand out an older state. */
  readonly cacheDirectory: string
}

/** Reasons by what tuf-js says; it stringifies causes, so that no class is left to ask. */
const REASONS: readonly (readonly [RegExp, string])[] = [
  [/expired/i, 'tuf-expired'],
  [/was signed by|signature|Error verifying|UnsignedMetadata|no delegation/i, 'tuf-signature'],
  [/version/i, 'tuf-rollback'],
  [/length|hash/i, 'tuf-digest'],
  [/target .* not found/i, 'tuf-no-target'],
]
const UNREACHABLE = /Failed to download|fetch|ECONN|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|timeout|socket/i

/**
 * One target of a TUF repository, through the whole client workflow (tuf-js by @sigstore/tuf). Each first root has a
 * cache of its own, so that what a cache was once filled from is never trusted in the name of another.
 * @throws PlatformError INVALID_SEAL where the repository is refused, UNAVAILABLE where it does not answer, INVALID_PARAMETER
 */
export async function fetchTarget(repository: TrustRepository, target: string): Promise<Buffer> {
  const { mirror, rootFile, cacheDirectory } = repository
  const url = toServiceUrl(mirror, '--mirror')
  if (!isTargetPath(target))
    throw new PlatformError('INVALID_PARAMETER', '--target is no name of a file')
  const cachePath = join(cacheDirectory, sha256(readSmallFile(rootFile)).slice(0, 16))
  const { initTUF } = await import('@sigstore/tuf')
  try {
    const client = await initTUF({
      mirrorURL: url.href.replace(/\/+$/, ''),
      rootPath: rootFile,
      cachePath,
      timeout: FETCH_TIMEOUT_MS,
      retry: FETCH_RETRIES,
    })
    const bytes = Buffer.from(await client.getTarget(target), 'utf8')
    if (bytes.byteLength > TARGET_LIMIT_BYTES)
      throw new PlatformError('INVALID_SEAL', `the target \`${target}\` is too large`)
    return bytes
  } catch (error) {
    throw error instanceof PlatformError ? error : toRefusal(error)
  }
}

/** Segments as delegations name them (`role/file`); tuf-js keeps the whole under one encoded name. */
function isTargetPath(target: string): boolean {
  if (target.length > TARGET_PATH_LIMIT) return false
  return target.split('/').every((part) => /^[\w.-]+$/.test(part) && !/^\.+$/.test(part))
}

function toRefusal(error: unknown): PlatformError {
  const said = messagesOf(error)
  const [, rule] = REASONS.find(([pattern]) => pattern.test(said)) ?? []
  if (rule === undefined && UNREACHABLE.test(said))
    return new PlatformError('UNAVAILABLE', `the repository cannot be read: ${quoteForeign(said)}`)
  return new PlatformError('INVALID_SEAL', `the repository is refused: ${quoteForeign(said)}`, {
    detail: { rule: rule ?? 'tuf-malformed' },
  })
}

/** The innermost first: it says why. */
function messagesOf(error: unknown): string {
  const messages: string[] = []
  for (let one = error; one instanceof Error && messages.length < 4; one = one.cause)
    messages.unshift(`${one.name === 'Error' ? one.constructor.name : one.name}: ${one.message}`)
  return messages.join('; ') || 'unknown error'
}
