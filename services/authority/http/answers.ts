import { PlatformError, type ErrorCode, type Json } from '../../model/index.ts'

/** gRPC's codes, as its gateway writes them, and the HTTP status beside. */
interface Status {
  readonly status: number
  readonly grpc: number
}

const INVALID: Status = { status: 400, grpc: 3 }
const NOT_FOUND: Status = { status: 404, grpc: 5 }
const INTERNAL: Status = { status: 500, grpc: 13 }
const UNAVAILABLE: Status = { status: 503, grpc: 14 }

/** What an authority answers with; everything else is a fault of ours. */
const STATUSES: Partial<Record<ErrorCode, Status>> = {
  INVALID_PARAMETER: INVALID,
  INVALID_REQUEST_CONTENT: INVALID,
  INVALID_SEAL: INVALID,
  UNSUPPORTED_MEDIA_TYPE: { status: 415, grpc: 3 },
  REQUEST_TOO_LARGE: { status: 413, grpc: 3 },
  REQUEST_TIMEOUT: { status: 408, grpc: 4 },
  RESOURCE_NOT_FOUND: NOT_FOUND,
  UNKNOWN_OPERATION: NOT_FOUND,
  RESOURCE_CONFLICT: { status: 409, grpc: 6 },
  OUT_OF_SPACE: UNAVAILABLE,
  UNAVAILABLE,
  LEDGER_BROKEN: { status: 503, grpc: 15 },
}

const REASONS: Partial<Record<ErrorCode, string>> = {
  INVALID_REQUEST_CONTENT: 'request-json',
  INVALID_SEAL: 'request-der',
  UNSUPPORTED_MEDIA_TYPE: 'content-type',
  REQUEST_TOO_LARGE: 'request-size',
  REQUEST_TIMEOUT: 'request-timeout',
  RESOURCE_NOT_FOUND: 'not-found',
  UNKNOWN_OPERATION: 'unknown-operation',
  OUT_OF_SPACE: 'out-of-space',
  UNAVAILABLE: 'unavailable',
  LEDGER_BROKEN: 'log-broken',
}

export interface ErrorAnswer {
  readonly status: number
  readonly reason: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Json
}

/** Anything that was thrown, as gRPC's gateway says it, with our reason beside. */
export function toErrorAnswer(thrown: unknown): ErrorAnswer {
  const error = toPlatformError(thrown)
  const { status, grpc } = STATUSES[error.code] ?? INTERNAL
  const given = error.detail['reason']
  const reason = typeof given === 'string' ? given : (REASONS[error.code] ?? 'internal')
  const message =
    status === 500 ? 'the authority encountered an internal error' : error.publicMessage
  const index = error.detail['index']
  return {
    status,
    reason,
    headers: {
      // Rekor v2's header for an entry that is there already.
      ...(typeof index === 'number' ? { 'x-log-index': String(index) } : {}),
      ...(status === 503 ? { 'retry-after': '1' } : {}),
    },
    body: { code: grpc, message, reason, details: [] },
  }
}

function toPlatformError(thrown: unknown): PlatformError {
  if (thrown instanceof PlatformError) return thrown
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined
  switch (code) {
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new PlatformError('UNSUPPORTED_MEDIA_TYPE', 'the content type is not accepted here')
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new PlatformError('REQUEST_TOO_LARGE', 'the body is too large')
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return new PlatformError('INVALID_PARAMETER', 'the body does not have the length it says')
    case 'ENOSPC':
    case 'EDQUOT':
      return new PlatformError('OUT_OF_SPACE', 'the authority is out of disk space', {
        cause: thrown,
      })
    default:
      return new PlatformError('INTERNAL', 'internal', { cause: thrown })
  }
}
