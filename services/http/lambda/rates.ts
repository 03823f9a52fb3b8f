import { PlatformError, type Clock } from '../../model/index.ts'
import type { LambdaHandler, LambdaHandlers } from './handler.ts'

/** AWS: requests a second and account; everything else of the control plane shares one bucket. */
const RATES: Readonly<Record<string, number>> = { GetFunction: 100, GetPolicy: 15 }
const SHARED = 'the others'
const SHARED_RATE = 15

interface Bucket {
  tokens: number
  atMs: number
}

/**
 * The handlers behind AWS's request rates: a token bucket that holds one second. Off unless the installation asks for
 * it; invocations take a path of their own and are not counted.
 */
export function withApiRates(handlers: LambdaHandlers, clock: Clock): LambdaHandlers {
  const buckets = new Map<string, Bucket>()
  const limited = Object.entries(handlers).map(([operation, handler]): [string, LambdaHandler] => {
    const rate = RATES[operation] ?? SHARED_RATE
    const name = RATES[operation] === undefined ? SHARED : operation
    return [
      operation,
      async (request) => {
        take(buckets, name, { rate, atMs: clock.monotonicMs() })
        return await handler(request)
      },
    ]
  })
  return Object.fromEntries(limited)
}

/** @throws PlatformError TOO_MANY_REQUESTS */
function take(
  buckets: Map<string, Bucket>,
  name: string,
  { rate, atMs }: { readonly rate: number; readonly atMs: number },
): void {
  const bucket = buckets.get(name) ?? { tokens: rate, atMs }
  buckets.set(name, bucket)
  const elapsedMs = Math.max(0, atMs - bucket.atMs)
  bucket.tokens = Math.min(rate, bucket.tokens + (elapsedMs * rate) / 1_000)
  bucket.atMs = atMs
  if (bucket.tokens < 1) {
    throw new PlatformError('TOO_MANY_REQUESTS', 'Rate exceeded', {
      detail: { reason: 'CallerRateLimitExceeded' },
    })
  }
  bucket.tokens -= 1
}
