/**
 * Every way in which Lacre can say "could not do it". The edge maps each code to AWS's error type
 * and HTTP status in one table (`http/error-table.ts`); a new code does not compile until it is mapped.
 */
export type ErrorCode =
  // the request itself
  | 'INVALID_PARAMETER'
  | 'VALIDATION_FAILED'
  | 'INVALID_REQUEST_CONTENT'
  | 'UNSUPPORTED_MEDIA_TYPE'
  | 'REQUEST_TOO_LARGE'
  | 'REQUEST_TIMEOUT'
  | 'UNKNOWN_OPERATION'
  | 'NOT_BUILT'
  // who asks
  | 'MISSING_AUTHENTICATION'
  | 'UNKNOWN_ACCESS_KEY'
  | 'INVALID_SIGNATURE'
  | 'SIGNATURE_EXPIRED'
  | 'REPLAYED_REQUEST'
  | 'INVALID_TOKEN'
  | 'TOKEN_EXPIRED'
  | 'ACCESS_DENIED'
  // an identity provider that people sign in by, unreachable or not to be believed
  | 'ISSUER_FAILED'
  // a message of its that was to sign somebody out
  | 'LOGOUT_REFUSED'
  // what is asked for
  | 'FUNCTION_NOT_FOUND'
  | 'RESOURCE_NOT_FOUND'
  | 'CODE_SIGNING_CONFIG_NOT_FOUND'
  | 'RESOURCE_CONFLICT'
  | 'PRECONDITION_FAILED'
  | 'QUOTA_EXCEEDED'
  // the artifact and the gate
  | 'INVALID_ARTIFACT'
  | 'INVALID_SEAL'
  | 'INVALID_CODE_SIGNATURE'
  | 'CODE_VERIFICATION_FAILED'
  | 'POLICY_DENIED'
  // whoever holds a key, stamps a time or keeps a log, asked while signing
  | 'SIGNER_FAILED'
  // a backup that is to be restored
  | 'INVALID_BACKUP'
  // running
  | 'TOO_MANY_REQUESTS'
  | 'FUNCTION_NOT_READY'
  | 'FUNCTION_FAILED'
  | 'INVALID_RUNTIME'
  | 'ACTIVATION_FAILED'
  // the service
  | 'OUT_OF_SPACE'
  | 'UNAVAILABLE'
  | 'LEDGER_BROKEN'
  | 'DATA_DIRECTORY_IN_USE'
  | 'CONFIGURATION'
  | 'INTERNAL'

export interface PlatformErrorOptions {
  readonly cause?: unknown
  /** Facts for the log and for `--json`; never a secret. */
  readonly detail?: Readonly<Record<string, unknown>>
  /** The decision that refused, sent as `x-lacre-decision-id`. */
  readonly decisionId?: string
  /** The sentence quotes a secret of the caller's, as AWS has it: it is for the caller and for no log. */
  readonly quotesSecret?: boolean
}

/** The one error class that crosses folders. `publicMessage` reaches the caller; `detail` and `cause` only the log. */
export class PlatformError extends Error {
  override readonly name = 'PlatformError'
  readonly code: ErrorCode
  readonly detail: Readonly<Record<string, unknown>>
  readonly decisionId: string | undefined
  readonly quotesSecret: boolean

  constructor(code: ErrorCode, publicMessage: string, options: PlatformErrorOptions = {}) {
    super(publicMessage, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.detail = options.detail ?? {}
    this.decisionId = options.decisionId
    this.quotesSecret = options.quotesSecret ?? false
  }

  get publicMessage(): string {
    return this.message
  }
}
