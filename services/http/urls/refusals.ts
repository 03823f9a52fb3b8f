import type { PlatformError } from '../../model/index.ts'
import { awsErrorOf, toAwsAnswer } from '../error-answer.ts'
import type { WireAnswer } from '../wire.ts'

/** Why a URL does not answer with its function's words, where that is no error of the service. */
export class UrlRefusal extends Error {
  override readonly name = 'UrlRefusal'
  readonly reason: 'unknown' | 'forbidden' | 'failed'

  constructor(reason: UrlRefusal['reason'], cause?: unknown) {
    super(reason, { cause })
    this.reason = reason
  }
}

/** Recorded: TestLambdaURL. */
const FORBIDDEN =
  'Forbidden. For troubleshooting Function URL authorization issues, see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html'

/** Whoever calls a URL may be anybody: of what went wrong inside he learns nothing (recorded: 502). */
export function toUrlAnswer(error: UrlRefusal | PlatformError): WireAnswer {
  if (error instanceof UrlRefusal) return refused(error.reason)
  const { status } = awsErrorOf(error)
  if (error.code === 'MISSING_AUTHENTICATION') return refused('forbidden')
  if (error.code === 'FUNCTION_NOT_READY' || (status >= 500 && status !== 503))
    return refused('failed')
  return toAwsAnswer(error)
}

function refused(reason: UrlRefusal['reason']): WireAnswer {
  if (reason === 'failed')
    return {
      status: 502,
      headers: { 'content-type': 'text/plain; charset=utf-8' },
      body: 'Internal Server Error',
    }
  return {
    status: 403,
    headers: { 'content-type': 'application/json', 'x-amzn-ErrorType': 'AccessDeniedException' },
    body: JSON.stringify({ Message: reason === 'unknown' ? null : FORBIDDEN }),
  }
}
