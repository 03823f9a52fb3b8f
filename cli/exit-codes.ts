import type { ErrorCode } from '../services/model/index.ts'

/** What `lacre` answers to the shell. A refusal is not a crash, and a script can tell them apart. */
export const EXIT = {
  /** Done; what was judged is accepted or trusted. */
  ok: 0,
  /** Judged, and the answer is no: refused zip, untrusted or tampered artifact, denied by policy. */
  refused: 1,
  /** The command line or a setting makes no sense. */
  usage: 2,
  /** Could not be done: a file, a missing object, a conflict. */
  failed: 3,
  /** The service cannot be reached or does not serve. */
  unreachable: 4,
  /** Evidence is consistent in itself, but no key from outside authenticates it. */
  notAuthenticated: 5,
  /** Stored bytes are not what they were: a blob, a prepared tree, a row, the ledger. */
  damaged: 6,
  /** A bug in Lacre. */
  internal: 70,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

const exitCodes: Partial<Record<ErrorCode, ExitCode>> = {
  INVALID_ARTIFACT: EXIT.refused,
  INVALID_SEAL: EXIT.refused,
  INVALID_CODE_SIGNATURE: EXIT.refused,
  CODE_VERIFICATION_FAILED: EXIT.refused,
  POLICY_DENIED: EXIT.refused,
  ACCESS_DENIED: EXIT.refused,
  MISSING_AUTHENTICATION: EXIT.refused,
  UNKNOWN_ACCESS_KEY: EXIT.refused,
  INVALID_SIGNATURE: EXIT.refused,
  SIGNATURE_EXPIRED: EXIT.refused,
  REPLAYED_REQUEST: EXIT.refused,
  INVALID_TOKEN: EXIT.refused,
  TOKEN_EXPIRED: EXIT.refused,
  LEDGER_BROKEN: EXIT.refused,
  INVALID_BACKUP: EXIT.refused,
  INVALID_PARAMETER: EXIT.usage,
  VALIDATION_FAILED: EXIT.usage,
  CONFIGURATION: EXIT.usage,
  UNAVAILABLE: EXIT.unreachable,
  TOO_MANY_REQUESTS: EXIT.unreachable,
  INTERNAL: EXIT.internal,
}

/** The exit code for an error by its code; what is not in the table could not be done. */
export function exitCodeOf(code: ErrorCode): ExitCode {
  return exitCodes[code] ?? EXIT.failed
}
