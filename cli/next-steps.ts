import type { ErrorCode } from '../services/model/index.ts'

/** What to do about an error, where the code alone says it; what a command knows better stands in its own sentence. */
const NEXT_STEPS: Partial<Record<ErrorCode, string>> = {
  MISSING_AUTHENTICATION: 'give --data DIR, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
  UNKNOWN_ACCESS_KEY: '`lacre access-key list --data DIR` shows the keys that are there',
  INVALID_SIGNATURE: 'compare AWS_SECRET_ACCESS_KEY and AWS_REGION with `lacre env --data DIR`',
  SIGNATURE_EXPIRED: 'set the clock of this machine; `lacre doctor` compares it with the service',
  TOKEN_EXPIRED: 'get a new token from its issuer',
  ACCESS_DENIED: '`lacre role list` shows who may do what',
  FUNCTION_NOT_FOUND: '`lacre live` shows what is there',
  PRECONDITION_FAILED:
    'what it was based on has changed: look again, then repeat (a plan is made anew)',
  CODE_VERIFICATION_FAILED:
    '`lacre verify ZIP --key PUB` (or --root, --certificate-identity) says what is missing',
  INVALID_CODE_SIGNATURE: '`lacre inspect ZIP` shows the seals; pack and sign it anew',
  FUNCTION_NOT_READY:
    'it may still become active: `lacre live` shows it, `lacre logs NAME` what it wrote',
  INVALID_BACKUP: 'restore an earlier backup, or look at the disk that holds this one',
  OUT_OF_SPACE: '`lacre doctor --data DIR` shows the disk, `lacre gc` what can go',
  LEDGER_BROKEN:
    '`lacre doctor --scrub --data DIR` says what is damaged; a backup has it as it was',
  DATA_DIRECTORY_IN_USE: 'stop the service that runs on it, or use its endpoint',
  TOO_MANY_REQUESTS: 'wait a moment and repeat',
  UNAVAILABLE: '`lacre doctor --data DIR` says whether a service runs there, and on what',
}

export function nextStep(code: ErrorCode): string | undefined {
  return NEXT_STEPS[code]
}
