import { PlatformError, type ErrorCode } from '../../services/model/index.ts'

/** AWS's types as our codes: the reverse of the service's error table, for exit codes. */
const CODES: Readonly<Record<string, ErrorCode>> = {
  InvalidParameterValueException: 'INVALID_PARAMETER',
  ValidationException: 'VALIDATION_FAILED',
  InvalidRequestContentException: 'INVALID_REQUEST_CONTENT',
  SerializationException: 'INVALID_REQUEST_CONTENT',
  UnsupportedMediaTypeException: 'UNSUPPORTED_MEDIA_TYPE',
  RequestEntityTooLargeException: 'REQUEST_TOO_LARGE',
  RequestTooLargeException: 'REQUEST_TOO_LARGE',
  RequestTimeoutException: 'REQUEST_TIMEOUT',
  UnknownOperationException: 'UNKNOWN_OPERATION',
  MissingAuthenticationTokenException: 'MISSING_AUTHENTICATION',
  UnrecognizedClientException: 'UNKNOWN_ACCESS_KEY',
  InvalidSignatureException: 'INVALID_SIGNATURE',
  AccessDeniedException: 'ACCESS_DENIED',
  ResourceNotFoundException: 'RESOURCE_NOT_FOUND',
  CodeSigningConfigNotFoundException: 'CODE_SIGNING_CONFIG_NOT_FOUND',
  ResourceConflictException: 'RESOURCE_CONFLICT',
  PreconditionFailedException: 'PRECONDITION_FAILED',
  ServiceQuotaExceededException: 'QUOTA_EXCEEDED',
  InvalidCodeSignatureException: 'INVALID_CODE_SIGNATURE',
  CodeVerificationFailedException: 'CODE_VERIFICATION_FAILED',
  TooManyRequestsException: 'TOO_MANY_REQUESTS',
  ResourceNotReadyException: 'ACTIVATION_FAILED',
  InvalidRuntimeException: 'INVALID_RUNTIME',
}

const OWN_CODE = /^[A-Z][A-Z_]{2,40}$/

/** What the service answered instead of doing it: its code, its sentence, its decision. */
export function toRefusal(
  status: number,
  headers: Readonly<Record<string, string | undefined>>,
  body: Uint8Array,
): PlatformError {
  const answer = readBody(body)
  const own = isObject(answer['error']) ? answer['error'] : undefined
  const decisionId = headers['x-lacre-decision-id']
  const type = headers['x-amzn-errortype']?.split(':')[0] ?? ''
  return new PlatformError(
    ownCode(own?.['code']) ?? codeOf(type, { status, decided: decisionId !== undefined }),
    sentence(own ?? answer) ?? `the service answered ${status}`,
    {
      decisionId,
      detail: {
        status,
        type,
        requestId: headers['x-amzn-requestid'],
        // All that is wrong with a policy set.
        ...(own?.['faults'] !== undefined && { faults: own['faults'] }),
        ...(own?.['failedCases'] !== undefined && { failedCases: own['failedCases'] }),
      },
    },
  )
}

function codeOf(type: string, facts: { status: number; decided: boolean }): ErrorCode {
  // A refusal by policy carries its decision; one for want of a permission has none.
  if (type === 'AccessDeniedException' && facts.decided) return 'POLICY_DENIED'
  const known = CODES[type]
  if (known !== undefined) return known
  return facts.status === 500 ? 'INTERNAL' : 'UNAVAILABLE'
}

function ownCode(code: unknown): ErrorCode | undefined {
  // Of the service itself, in a later version perhaps one more than we know: exit codes have a default.
  return typeof code === 'string' && OWN_CODE.test(code) ? (code as ErrorCode) : undefined
}

function sentence(answer: Record<string, unknown>): string | undefined {
  const found = answer['message'] ?? answer['Message']
  return typeof found === 'string' && found !== '' ? found : undefined
}

function readBody(body: Uint8Array): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(body).toString('utf8'))
    return isObject(value) ? value : {}
  } catch {
    return {}
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
