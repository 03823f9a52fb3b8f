import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { PlatformError } from '../../services/model/index.ts'
import type { Environment } from '../command.ts'

/** Where the service is and what to sign with. */
export interface Connection {
  readonly endpoint: URL
  readonly region: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

export interface ConnectionSource {
  /** `--data DIR`: `DIR/admin.json`, which the service writes at each start. */
  readonly data?: string | undefined
  /** `--endpoint URL`, with the `AWS_*` variables. */
  readonly endpoint?: string | undefined
}

/**
 * `--data DIR` first, else `--endpoint` or `AWS_ENDPOINT_URL` with the key of the environment.
 * @throws PlatformError CONFIGURATION
 */
export function readConnection(source: ConnectionSource, environment: Environment): Connection {
  if (source.data !== undefined) {
    const admin = readAdminFile(join(source.data, 'admin.json'))
    return toConnection({ ...admin, endpoint: source.endpoint ?? admin.endpoint })
  }
  return toConnection({
    endpoint: source.endpoint ?? environment['AWS_ENDPOINT_URL'],
    region: environment['AWS_REGION'] ?? environment['AWS_DEFAULT_REGION'] ?? 'us-east-1',
    accessKeyId: environment['AWS_ACCESS_KEY_ID'],
    secretAccessKey: environment['AWS_SECRET_ACCESS_KEY'],
  })
}

type Parts = { readonly [K in keyof Connection]: string | undefined }

function readAdminFile(path: string): Parts {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw new PlatformError(
      'CONFIGURATION',
      `\`${path}\` cannot be read: has \`lacre serve\` run with this data directory?`,
      { cause },
    )
  }
  const admin = parseObject(text, path)
  const member = (name: string): string | undefined => {
    const value = admin[name]
    return typeof value === 'string' ? value : undefined
  }
  return {
    endpoint: member('endpoint'),
    region: member('region'),
    accessKeyId: member('accessKeyId'),
    secretAccessKey: member('secretAccessKey'),
  }
}

function parseObject(text: string, path: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch {
    // Said below, for both.
  }
  throw new PlatformError('CONFIGURATION', `\`${path}\` is not what \`lacre serve\` writes`)
}

function toConnection(parts: Parts): Connection {
  const { endpoint, region, accessKeyId, secretAccessKey } = parts
  if (endpoint === undefined || endpoint === '')
    throw new PlatformError(
      'CONFIGURATION',
      'which service? give --data DIR, or --endpoint URL (or AWS_ENDPOINT_URL)',
    )
  if (accessKeyId === undefined || secretAccessKey === undefined || region === undefined)
    throw new PlatformError(
      'CONFIGURATION',
      'no access key: give --data DIR, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
    )
  return { endpoint: parseEndpoint(endpoint), region, accessKeyId, secretAccessKey }
}

function parseEndpoint(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (
    url === undefined ||
    !/^https?:$/.test(url.protocol) ||
    url.pathname !== '/' ||
    url.search !== ''
  )
    throw new PlatformError('CONFIGURATION', `\`${text}\` is not http(s)://HOST[:PORT]`)
  return url
}
