import type { AdminFile } from './app.ts'
import { signWithSmithy } from './signers.ts'

export interface WireCall {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Percent-encoded, as on the wire. */
  readonly path: string
  readonly query?: Record<string, string>
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export interface WireReply {
  readonly status: number
  readonly headers: Headers
  /** As parsed from the wire, exactly; `undefined` for an empty body. */
  readonly body: Record<string, unknown> | undefined
}

/** One signed call of Lambda's API as it goes over the wire: an SDK hides members and their letters. */
export async function lambdaWire(admin: AdminFile, call: WireCall): Promise<WireReply> {
  const { host } = new URL(admin.endpoint)
  const body = call.body === undefined ? '' : JSON.stringify(call.body)
  const signed = await signWithSmithy(admin, {
    method: call.method,
    path: call.path,
    query: call.query ?? {},
    headers: { host, 'content-type': 'application/json', ...call.headers },
    service: 'lambda',
    region: admin.region,
    body,
  })
  const { host: _, ...headers } = signed.headers
  const response = await fetch(`${admin.endpoint}${signed.url}`, {
    method: signed.method,
    headers,
    ...(body === '' ? {} : { body }),
  })
  const text = await response.text()
  const parsed = text === '' ? undefined : (JSON.parse(text) as Record<string, unknown>)
  return { status: response.status, headers: response.headers, body: parsed }
}
