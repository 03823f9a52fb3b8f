import {
  parseIsoTime,
  parseStrictJson,
  PlatformError,
  type Json,
} from '../../../services/model/index.ts'
import { isObject, toServiceUrl } from './exchange.ts'

const MEDIA_TYPE = 'application/vnd.dev.sigstore.signingconfig.v0.2+json'
const SERVICES_LIMIT = 64

/** One service at one place, for a time. */
export interface ConfiguredService {
  readonly url: string
  readonly majorApiVersion: number
  readonly operator: string
  readonly startMs: number
  readonly endMs: number
}

/** How many of a kind are wanted, each of another operator. */
export type Selector =
  { readonly kind: 'all' | 'any' } | { readonly kind: 'exact'; readonly count: number }

/** A Sigstore SigningConfig v0.2: where to sign, as a trusted root says whom to believe. */
export interface SigningConfig {
  readonly certificateAuthorities: readonly ConfiguredService[]
  readonly issuers: readonly ConfiguredService[]
  readonly logs: readonly ConfiguredService[]
  readonly logSelector: Selector
  readonly timestampAuthorities: readonly ConfiguredService[]
  readonly timestampSelector: Selector
}

/** Members unknown to v0.2 are passed over, as protobuf's JSON wants it. @throws PlatformError INVALID_PARAMETER */
export function parseSigningConfig(bytes: Uint8Array): SigningConfig {
  const config = toConfig(bytes)
  if (config['mediaType'] !== MEDIA_TYPE)
    throw refuse(`the signing config is not of the type \`${MEDIA_TYPE}\``)
  return {
    certificateAuthorities: services(config, 'caUrls'),
    issuers: services(config, 'oidcUrls'),
    logs: services(config, 'rekorTlogUrls'),
    logSelector: selector(config, 'rekorTlogConfig'),
    timestampAuthorities: services(config, 'tsaUrls'),
    timestampSelector: selector(config, 'tsaConfig'),
  }
}

function toConfig(bytes: Uint8Array): Readonly<Record<string, Json>> {
  let value: Json | undefined
  try {
    value = parseStrictJson(bytes)
  } catch (cause) {
    throw new PlatformError('INVALID_PARAMETER', 'the signing config is not strict JSON', { cause })
  }
  if (!isObject(value)) throw refuse('the signing config is not a JSON object')
  return value
}

function services(
  config: Readonly<Record<string, Json>>,
  name: string,
): readonly ConfiguredService[] {
  const list = config[name] ?? []
  if (!Array.isArray(list) || list.length > SERVICES_LIMIT)
    throw refuse(`\`${name}\` of the signing config is no list of at most ${SERVICES_LIMIT}`)
  return list.map((item: Json) => toService(item, name))
}

function toService(value: Json, name: string): ConfiguredService {
  const { url, majorApiVersion = 0, operator = '', validFor } = isObject(value) ? value : {}
  if (
    typeof url !== 'string' ||
    typeof majorApiVersion !== 'number' ||
    typeof operator !== 'string'
  )
    throw refuse(`\`${name}\` of the signing config holds what is no service`)
  toServiceUrl(url, `a URL in \`${name}\` of the signing config`)
  const { start, end } = isObject(validFor) ? validFor : {}
  return {
    url,
    majorApiVersion,
    operator,
    startMs: toMs(start, Number.NEGATIVE_INFINITY),
    endMs: toMs(end, Number.POSITIVE_INFINITY),
  }
}

function toMs(value: Json | undefined, otherwise: number): number {
  if (value === undefined || value === null) return otherwise
  const ms = typeof value === 'string' ? parseIsoTime(value) : undefined
  if (ms === undefined) throw refuse('a time in the signing config is no RFC 3339 time')
  return ms
}

function selector(config: Readonly<Record<string, Json>>, name: string): Selector {
  const value = config[name]
  const { selector: kind, count } = isObject(value) ? value : {}
  if (kind === undefined) return { kind: 'any' }
  if (kind === 'ALL' || kind === 'ANY') return { kind: kind === 'ALL' ? 'all' : 'any' }
  if (kind === 'EXACT' && typeof count === 'number' && Number.isSafeInteger(count) && count > 0)
    return { kind: 'exact', count }
  throw refuse(`\`${name}\` of the signing config selects neither ALL, ANY nor EXACT with a count`)
}

/**
 * The services to use at this instant: valid now, of a version that is spoken here, one of each operator (its highest
 * version, then its newest), as many as the selector asks for.
 * @throws PlatformError INVALID_PARAMETER where there are too few
 */
export function selectServices(
  what: string,
  services: readonly ConfiguredService[],
  selection: { readonly selector: Selector; readonly versions: readonly number[]; nowMs: number },
): readonly ConfiguredService[] {
  const { selector, versions, nowMs } = selection
  const usable = services.filter(
    ({ majorApiVersion, startMs, endMs }) =>
      versions.includes(majorApiVersion) && startMs <= nowMs && nowMs <= endMs,
  )
  const best = new Map<string, ConfiguredService>()
  for (const service of usable) {
    const before = best.get(service.operator)
    if (before === undefined || isBetter(service, before)) best.set(service.operator, service)
  }
  const chosen = [...best.values()]
  const wanted =
    selector.kind === 'exact' ? selector.count : selector.kind === 'any' ? 1 : chosen.length
  if (services.length > 0 && (chosen.length < wanted || chosen.length === 0))
    throw refuse(
      `the signing config wants ${Math.max(wanted, 1)} ${what} of different operators and has ${chosen.length} that can be used now`,
    )
  return chosen.slice(0, wanted)
}

function isBetter(one: ConfiguredService, other: ConfiguredService): boolean {
  return one.majorApiVersion === other.majorApiVersion
    ? one.startMs > other.startMs
    : one.majorApiVersion > other.majorApiVersion
}

function refuse(message: string): PlatformError {
  return new PlatformError('INVALID_PARAMETER', message)
}
