import { RUNTIME_API_PORT } from '../constants.ts'

/** The two APIs under which an extension subscribes: today's, and the Logs API before it. */
export type TelemetryVersion = 'telemetry' | 'logs'
export type TelemetryCategory = 'platform' | 'function' | 'extension'

export interface Buffering {
  readonly maxBytes: number
  readonly maxItems: number
  readonly timeoutMs: number
}

export type Destination =
  | { readonly protocol: 'HTTP'; readonly port: number; readonly path: string }
  | { readonly protocol: 'TCP'; readonly port: number }

export interface Subscription {
  readonly version: TelemetryVersion
  readonly schemaVersion: string
  readonly types: readonly TelemetryCategory[]
  readonly buffering: Buffering
  readonly destination: Destination
}

/** What a destination's host must be; it is this environment's own loopback and nothing else. */
export const TELEMETRY_HOST = 'sandbox.localdomain'

const SCHEMA_VERSIONS: Readonly<Record<TelemetryVersion, readonly string[]>> = {
  telemetry: ['2022-07-01', '2022-12-13', '2025-01-29'],
  logs: ['2020-08-15', '2021-03-18'],
}
const CATEGORIES: readonly TelemetryCategory[] = ['platform', 'function', 'extension']
/** SPEC A9: least, most, and what is meant without a word. */
const BUFFERING: Readonly<Record<keyof Buffering, readonly [number, number, number]>> = {
  maxBytes: [262_144, 1_048_576, 262_144],
  maxItems: [1_000, 10_000, 10_000],
  timeoutMs: [25, 30_000, 1_000],
}
const PORT_LIMIT = 65_535

/** Thrown for a body that is no subscription; the message is for the caller. */
export class InvalidSubscription extends Error {}

/** @throws InvalidSubscription */
export function parseSubscription(text: string, version: TelemetryVersion): Subscription {
  const body = objectOf(parseJson(text), 'the body')
  const schemaVersion = body['schemaVersion'] ?? SCHEMA_VERSIONS[version][0]
  const known = SCHEMA_VERSIONS[version].find((each) => each === schemaVersion)
  if (known === undefined)
    throw new InvalidSubscription(`schemaVersion is one of ${SCHEMA_VERSIONS[version].join(', ')}`)
  return {
    version,
    schemaVersion: known,
    types: parseTypes(body['types']),
    buffering: parseBuffering(body['buffering']),
    destination: parseDestination(body['destination']),
  }
}

function parseTypes(value: unknown): readonly TelemetryCategory[] {
  const types = Array.isArray(value) ? (value as unknown[]) : []
  const known = CATEGORIES.filter((category) => types.includes(category))
  if (known.length === 0 || types.some((type) => !CATEGORIES.includes(type as TelemetryCategory)))
    throw new InvalidSubscription(`types is a list of ${CATEGORIES.join(', ')}`)
  return known
}

function parseBuffering(value: unknown): Buffering {
  const given = value === undefined ? {} : objectOf(value, 'buffering')
  const read = (name: keyof Buffering): number => {
    const [least, most, usual] = BUFFERING[name]
    const number = given[name] ?? usual
    if (typeof number === 'number' && Number.isInteger(number) && number >= least && number <= most)
      return number
    throw new InvalidSubscription(`buffering.${name} is an integer from ${least} to ${most}`)
  }
  return { maxBytes: read('maxBytes'), maxItems: read('maxItems'), timeoutMs: read('timeoutMs') }
}

function parseDestination(value: unknown): Destination {
  const given = objectOf(value, 'destination')
  if (given['protocol'] === 'TCP') return { protocol: 'TCP', port: parsePort(given['port']) }
  if (given['protocol'] !== 'HTTP')
    throw new InvalidSubscription('destination.protocol is HTTP or TCP')
  const form = `destination.URI is http://${TELEMETRY_HOST}:PORT`
  const text = given['URI'] ?? given['uri']
  if (typeof text !== 'string' || !URL.canParse(text)) throw new InvalidSubscription(form)
  const { protocol, hostname, port, username, password, pathname, search } = new URL(text)
  const plain = protocol === 'http:' && username === '' && password === ''
  if (!plain || hostname !== TELEMETRY_HOST) throw new InvalidSubscription(form)
  const path = `${pathname}${search}`
  return { protocol: 'HTTP', port: parsePort(port === '' ? 80 : Number(port)), path }
}

function parsePort(value: unknown): number {
  const port = typeof value === 'number' && Number.isInteger(value) ? value : 0
  if (port < 1 || port > PORT_LIMIT)
    throw new InvalidSubscription(`a port is an integer from 1 to ${PORT_LIMIT}`)
  if (port === RUNTIME_API_PORT)
    throw new InvalidSubscription(`port ${RUNTIME_API_PORT} is the Runtime API's own`)
  return port
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    throw new InvalidSubscription('the body is not JSON')
  }
}

function objectOf(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new InvalidSubscription(`${what} is not an object`)
  return value as Record<string, unknown>
}
