import type { LiveCors } from '../../live/index.ts'
import type { Field } from './fields.ts'

/** A preflight: what a browser of another origin asks before it sends. */
export interface Preflight {
  readonly origin: string
  readonly method: string
  readonly headers: readonly string[]
}

/** Only a real preflight; any other `OPTIONS` is the function's. */
export function readPreflight(method: string, fields: readonly Field[]): Preflight | undefined {
  if (method !== 'OPTIONS') return undefined
  const valueOf = (wanted: string): string | undefined =>
    fields.find(([name]) => name.toLowerCase() === wanted)?.[1]
  const origin = valueOf('origin')
  const asked = valueOf('access-control-request-method')
  if (origin === undefined || asked === undefined) return undefined
  const headers = (valueOf('access-control-request-headers') ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '')
  return { origin, method: asked, headers }
}

/** What the URL answers to a preflight; no CORS field at all where anything of it is not allowed. */
export function preflightHeaders(cors: LiveCors, asked: Preflight): Record<string, string> {
  const origin = originHeaders(cors, asked.origin)
  const methods = cors.AllowMethods ?? []
  const headers = (cors.AllowHeaders ?? []).map((name) => name.toLowerCase())
  const allowed =
    origin !== undefined &&
    (methods.includes('*') || methods.includes(asked.method)) &&
    (headers.includes('*') || asked.headers.every((name) => headers.includes(name)))
  if (!allowed) return {}
  return {
    ...origin,
    'access-control-allow-methods': methods.includes('*') ? asked.method : methods.join(','),
    ...(headers.length === 0
      ? {}
      : {
          'access-control-allow-headers': headers.includes('*')
            ? asked.headers.join(',')
            : headers.join(','),
        }),
    ...(cors.MaxAge === undefined ? {} : { 'access-control-max-age': String(cors.MaxAge) }),
  }
}

/** What is added to an answer; the function's own fields of this kind are not sent (SPEC A14). */
export function answerHeaders(
  cors: LiveCors | undefined,
  origin: string | undefined,
): Record<string, string> {
  if (cors === undefined || origin === undefined) return {}
  const allowed = originHeaders(cors, origin)
  if (allowed === undefined) return varies(cors)
  const exposed = cors.ExposeHeaders ?? []
  return {
    ...allowed,
    ...(exposed.length === 0 ? {} : { 'access-control-expose-headers': exposed.join(',') }),
  }
}

/**
 * Origins compare exactly. `*` allows every origin and so none with credentials: browsers refuse the two together, and
 * naming whoever asks instead would let every site act as its visitor.
 */
function originHeaders(cors: LiveCors, origin: string): Record<string, string> | undefined {
  const origins = cors.AllowOrigins ?? []
  if (origins.includes(origin))
    return {
      'access-control-allow-origin': origin,
      ...(cors.AllowCredentials === true ? { 'access-control-allow-credentials': 'true' } : {}),
      vary: 'Origin',
    }
  return origins.includes('*') ? { 'access-control-allow-origin': '*' } : undefined
}

function varies(cors: LiveCors): Record<string, string> {
  return (cors.AllowOrigins ?? []).includes('*') ? {} : { vary: 'Origin' }
}
