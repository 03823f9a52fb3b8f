import type { SignedRequest } from '../auth/index.ts'
import { PlatformError, parseSha256 } from '../model/index.ts'
import type { Caller } from '../operations/index.ts'

const HEADER = 'x-lacre-plan'

/** The plan that a request is held to; the header is signed, like every one of ours. @throws PlatformError INVALID_PARAMETER */
export function readPlanHeader(headers: SignedRequest['headers']): Pick<Caller, 'plan'> {
  const found = headers.find(([name]) => name.toLowerCase() === HEADER)
  if (found === undefined) return {}
  try {
    return { plan: { kind: 'hold', hash: parseSha256(found[1].trim()) } }
  } catch (cause) {
    throw new PlatformError(
      'INVALID_PARAMETER',
      `the header \`${HEADER}\` holds a plan's hash: 64 hex digits`,
      { cause },
    )
  }
}
