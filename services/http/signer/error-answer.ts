import type { PlatformError } from '../../model/index.ts'
import { awsErrorOf, toGovernanceAnswer } from '../error-answer.ts'
import type { WireAnswer } from '../wire.ts'

interface SignerError {
  readonly status: number
  readonly type: string
}

const VALIDATION: SignerError = { status: 400, type: 'ValidationException' }

/** Signer's own error types (SIGNING.md C.7); what is none of them (authentication) keeps its general one. */
const TYPES: Readonly<Record<string, SignerError>> = {
  INVALID_PARAMETER: VALIDATION,
  VALIDATION_FAILED: VALIDATION,
  INVALID_REQUEST_CONTENT: VALIDATION,
  NOT_BUILT: VALIDATION,
  RESOURCE_NOT_FOUND: { status: 404, type: 'ResourceNotFoundException' },
  RESOURCE_CONFLICT: { status: 409, type: 'ConflictException' },
  ACCESS_DENIED: { status: 403, type: 'AccessDeniedException' },
  POLICY_DENIED: { status: 403, type: 'AccessDeniedException' },
  QUOTA_EXCEEDED: { status: 402, type: 'ServiceLimitExceededException' },
  TOO_MANY_REQUESTS: { status: 429, type: 'TooManyRequestsException' },
}

/** Operations on tags name the same things otherwise. */
const TAG_TYPES: Readonly<Record<string, string>> = {
  ValidationException: 'BadRequestException',
  ResourceNotFoundException: 'NotFoundException',
}

/** Which operations model a conflict; the others call it a validation. */
const CONFLICTING = /Permission$/

/** `{message, code}` and `x-amzn-ErrorType`, as rest-json clients read them. */
export function toSignerAnswer(error: PlatformError, operation = ''): WireAnswer {
  const general = awsErrorOf(error)
  const known = TYPES[error.code]
  const fault = { status: general.status, type: 'InternalServiceErrorException' }
  const found = known ?? (general.status >= 500 ? fault : general)
  const typed =
    found.type === 'ConflictException' && !CONFLICTING.test(operation) ? VALIDATION : found
  const tagged = /Tag|^ListTags/.test(operation)
    ? (TAG_TYPES[typed.type] ?? typed.type)
    : typed.type
  // One place says what of a fault may be told, and when to come again.
  const { headers, body } = toGovernanceAnswer(error)
  const told = JSON.parse(String(body)) as { readonly error: { readonly message: string } }
  return {
    status: typed.status,
    headers: { ...headers, 'x-amzn-ErrorType': tagged },
    body: JSON.stringify({ message: told.error.message, code: tagged.replace(/Exception$/, '') }),
  }
}
