import type { ErrorCode } from '../model/index.ts'

/** How AWS says it: HTTP status, error type, and under which key its message stands (errors differ in that). */
export interface AwsError {
  readonly status: number
  readonly type: string
  readonly key: 'Message' | 'message'
}

const message = (status: number, type: string): AwsError => ({ status, type, key: 'message' })
/** Modelled with a capital letter. */
const capital = (status: number, type: string): AwsError => ({ status, type, key: 'Message' })

/** Every way to fail has its place here; a new code does not compile until it is mapped. */
export const errorTable = {
  INVALID_PARAMETER: message(400, 'InvalidParameterValueException'),
  VALIDATION_FAILED: message(400, 'ValidationException'),
  INVALID_REQUEST_CONTENT: message(400, 'InvalidRequestContentException'),
  UNSUPPORTED_MEDIA_TYPE: message(415, 'UnsupportedMediaTypeException'),
  REQUEST_TOO_LARGE: message(413, 'RequestEntityTooLargeException'),
  REQUEST_TIMEOUT: message(408, 'RequestTimeoutException'),
  UNKNOWN_OPERATION: message(404, 'UnknownOperationException'),
  NOT_BUILT: message(400, 'InvalidParameterValueException'),
  MISSING_AUTHENTICATION: message(403, 'MissingAuthenticationTokenException'),
  UNKNOWN_ACCESS_KEY: message(403, 'UnrecognizedClientException'),
  INVALID_SIGNATURE: message(403, 'InvalidSignatureException'),
  // AWS words an old signature as an invalid one; SDKs correct their clock on exactly this type.
  SIGNATURE_EXPIRED: message(403, 'InvalidSignatureException'),
  // Not InvalidSignature: an SDK would sign anew and so do twice what was wanted once.
  REPLAYED_REQUEST: capital(403, 'AccessDeniedException'),
  INVALID_TOKEN: message(403, 'UnrecognizedClientException'),
  TOKEN_EXPIRED: message(403, 'ExpiredTokenException'),
  ACCESS_DENIED: capital(403, 'AccessDeniedException'),
  ISSUER_FAILED: capital(502, 'ServiceException'),
  LOGOUT_REFUSED: message(400, 'InvalidParameterValueException'),
  FUNCTION_NOT_FOUND: capital(404, 'ResourceNotFoundException'),
  RESOURCE_NOT_FOUND: capital(404, 'ResourceNotFoundException'),
  CODE_SIGNING_CONFIG_NOT_FOUND: capital(404, 'CodeSigningConfigNotFoundException'),
  RESOURCE_CONFLICT: message(409, 'ResourceConflictException'),
  PRECONDITION_FAILED: message(412, 'PreconditionFailedException'),
  QUOTA_EXCEEDED: capital(402, 'ServiceQuotaExceededException'),
  INVALID_ARTIFACT: message(400, 'InvalidParameterValueException'),
  INVALID_SEAL: capital(400, 'InvalidCodeSignatureException'),
  INVALID_CODE_SIGNATURE: capital(400, 'InvalidCodeSignatureException'),
  CODE_VERIFICATION_FAILED: capital(400, 'CodeVerificationFailedException'),
  POLICY_DENIED: capital(403, 'AccessDeniedException'),
  SIGNER_FAILED: capital(502, 'ServiceException'),
  INVALID_BACKUP: message(400, 'InvalidParameterValueException'),
  TOO_MANY_REQUESTS: message(429, 'TooManyRequestsException'),
  FUNCTION_NOT_READY: message(409, 'ResourceConflictException'),
  FUNCTION_FAILED: message(502, 'ResourceNotReadyException'),
  INVALID_RUNTIME: capital(502, 'InvalidRuntimeException'),
  ACTIVATION_FAILED: message(502, 'ResourceNotReadyException'),
  OUT_OF_SPACE: capital(503, 'ServiceException'),
  UNAVAILABLE: capital(503, 'ServiceException'),
  LEDGER_BROKEN: capital(503, 'ServiceException'),
  DATA_DIRECTORY_IN_USE: capital(503, 'ServiceException'),
  CONFIGURATION: capital(500, 'ServiceException'),
  INTERNAL: capital(500, 'ServiceException'),
} as const satisfies Record<ErrorCode, AwsError>

/** Types that a thrower may name in `detail.awsType` instead, where AWS has two for one meaning. */
export const namedTypes: Readonly<Record<string, AwsError>> = {
  RequestTooLargeException: message(413, 'RequestTooLargeException'),
  SerializationException: message(400, 'SerializationException'),
  PolicyLengthExceededException: message(400, 'PolicyLengthExceededException'),
  CodeStorageExceededException: message(400, 'CodeStorageExceededException'),
  ProvisionedConcurrencyConfigNotFoundException: message(
    404,
    'ProvisionedConcurrencyConfigNotFoundException',
  ),
  ResourceInUseException: capital(400, 'ResourceInUseException'),
}
