import { errorTable, namedTypes } from '../../services/http/error-table.ts'
import type { AdminFile } from '../support/client.ts'
import { signWithSmithy, type Ask } from '../support/signers.ts'

/** RELIABILITY, row 11. */
const TIME_LIMIT_MS = 2_000
/** Longer than this nobody waits, so that a hang is told of and the next input is tried. */
const GIVE_UP_MS = 20_000
/** Error types and codes as clients may rely on them. */
const STABLE: ReadonlySet<string> = new Set([
  ...Object.keys(errorTable),
  ...Object.values(errorTable).map(({ type }) => type),
  ...Object.keys(namedTypes),
])

export interface WireAnswer {
  readonly status: number
  /** The code of a refusal, in Lambda's way or in ours. */
  readonly code: string
  readonly tookMs: number
}

/** One signed request, and what came back. @throws Error where nothing did */
export async function ask(admin: AdminFile, what: Ask): Promise<WireAnswer> {
  const { host } = new URL(admin.endpoint)
  const headers = { host, ...what.headers }
  const signed = await signWithSmithy(admin, { ...what, region: admin.region, headers })
  const { host: _host, ...sent } = signed.headers
  const body = Buffer.from(signed.body as Uint8Array)
  const began = performance.now()
  const response = await fetch(`${admin.endpoint}${signed.url}`, {
    method: signed.method,
    headers: sent,
    signal: AbortSignal.timeout(GIVE_UP_MS),
    ...(body.length > 0 && { body }),
  })
  const text = await response.text()
  const code = response.headers.get('x-amzn-errortype') ?? codeIn(text)
  return { status: response.status, code, tookMs: performance.now() - began }
}

function codeIn(text: string): string {
  try {
    const parsed = JSON.parse(text) as { error?: { code?: string } } | null
    return parsed?.error?.code ?? ''
  } catch {
    return ''
  }
}

/** What is wrong with an answer, whatever was asked; slow is only what is slow when it is asked again. */
export async function faultOf(request: () => Promise<WireAnswer>): Promise<string | undefined> {
  try {
    const answer = await request()
    const fault = faultIn(answer)
    if (fault !== undefined || answer.tookMs <= TIME_LIMIT_MS) return fault
    const again = await request()
    return again.tookMs > TIME_LIMIT_MS ? `${Math.round(again.tookMs)} ms` : faultIn(again)
  } catch (error) {
    return `no answer: ${String(error)}`
  }
}

function faultIn({ status, code }: WireAnswer): string | undefined {
  if (status >= 500) return `status ${status} ${code}`
  return status >= 400 && !STABLE.has(code) ? `status ${status} without a stable code` : undefined
}
