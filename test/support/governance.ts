import { signWithSmithy } from './signers.ts'
import type { AdminFile } from './client.ts'

export interface GovernanceAnswer<T> {
  readonly status: number
  readonly headers: Headers
  readonly body: T
}

export interface GovernanceCall {
  readonly method?: 'GET' | 'POST' | 'PUT'
  /** Under `/api/v1`, percent-encoded. */
  readonly path: string
  readonly query?: Record<string, string>
  readonly body?: unknown
  /** Sent as it is instead of a JSON body. */
  readonly raw?: Uint8Array
  /** Signed with the rest. */
  readonly headers?: Record<string, string>
}

/** One signed call of Lacre's own API; the answer's JSON is taken as `T` without a check. */
export async function governance<T>(
  admin: AdminFile,
  call: GovernanceCall,
): Promise<GovernanceAnswer<T>> {
  const { host } = new URL(admin.endpoint)
  const body = call.raw ?? (call.body === undefined ? '' : JSON.stringify(call.body))
  const type = call.raw === undefined ? 'application/json' : 'application/octet-stream'
  const signed = await signWithSmithy(admin, {
    method: call.method ?? 'GET',
    path: `/api/v1${call.path}`,
    query: call.query ?? {},
    headers: { host, 'content-type': type, ...call.headers },
    region: admin.region,
    body,
  })
  const { host: _, ...headers } = signed.headers
  const response = await fetch(`${admin.endpoint}${signed.url}`, {
    method: signed.method,
    headers,
    ...(body === '' ? {} : { body: Buffer.from(body) }),
  })
  const text = await response.text()
  const parsed: unknown = text === '' ? undefined : JSON.parse(text)
  return { status: response.status, headers: response.headers, body: parsed as T }
}

/** One row of `GET /api/v1/live`, as far as tests look at it. */
export interface LiveAnswerRow {
  readonly functionName: string
  readonly alias: string
  readonly slot: 'primary' | 'weighted'
  readonly version: string
  readonly weight: number
  readonly codeSha256: string
  readonly decisionId: string
}

export async function liveTable(admin: AdminFile): Promise<readonly LiveAnswerRow[]> {
  const { status, body } = await governance<{ live: LiveAnswerRow[] }>(admin, { path: '/live' })
  if (status !== 200) throw new Error(`GET /api/v1/live answered ${status}`)
  return body.live
}
