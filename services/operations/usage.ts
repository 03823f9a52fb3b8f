import type { LatencyTold, Metering, Usage } from '../logs/index.ts'
import { PlatformError, type AttemptRecord, type Json } from '../model/index.ts'
import type { Deps } from './context.ts'
import { readPageToken, toPageToken } from './log-pages.ts'

export interface UsageQuestion {
  readonly fromMs: number
  readonly untilMs: number
  readonly functionName?: string | undefined
}

/** What attempts came to, by function and version, over whole hours. @throws PlatformError UNAVAILABLE */
export async function readUsage(deps: Deps, asked: UsageQuestion): Promise<Usage> {
  return await meteringOf(deps).usage(asked)
}

/** A window of latency is cut into at most so many slots … */
const LATENCY_SLOTS_LIMIT = 72
const MINUTE_MS = 60_000
/** … as short as they can be, of these, minutes … */
const SLOT_MINUTES = [1, 2, 5, 10, 20, 30, 60, 120, 240, 480]
/** … or this long. */
const LONGEST_SLOT_MINUTES = 720
/** The longest window: 30 days, for as long as attempts are kept. */
const LATENCY_WINDOW_LIMIT_MS = 30 * 86_400_000

interface LatencyTable extends LatencyTold {
  readonly slotMs: number
}

/**
 * What attempts took, by slots of a window and by function, as far back as single attempts are kept.
 * @throws PlatformError INVALID_PARAMETER, UNAVAILABLE
 */
export async function readLatency(deps: Deps, asked: UsageQuestion): Promise<LatencyTable> {
  const spanMs = asked.untilMs - asked.fromMs
  if (spanMs <= 0 || spanMs > LATENCY_WINDOW_LIMIT_MS)
    throw new PlatformError(
      'INVALID_PARAMETER',
      `\`until\` lies behind \`from\`, by ${LATENCY_WINDOW_LIMIT_MS / 86_400_000} days at most`,
    )
  const minutes = SLOT_MINUTES.find((one) => spanMs <= one * MINUTE_MS * LATENCY_SLOTS_LIMIT)
  const slotMs = (minutes ?? LONGEST_SLOT_MINUTES) * MINUTE_MS
  return { slotMs, ...(await meteringOf(deps).latency({ ...asked, slotMs })) }
}

/** Single attempts, oldest first, in pages. @throws PlatformError INVALID_PARAMETER, UNAVAILABLE */
export async function listAttempts(
  deps: Deps,
  asked: UsageQuestion & {
    readonly requestId?: string | undefined
    readonly token?: string | undefined
    readonly limit: number
  },
): Promise<{
  readonly attempts: readonly AttemptRecord[]
  readonly token: string
  readonly done: boolean
}> {
  const { fromMs, untilMs, functionName = null, requestId = null } = asked
  const question: Json = { api: 'attempts', fromMs, untilMs, functionName, requestId }
  const from = readPageToken(question, asked.token)
  const page = await meteringOf(deps).attempts(asked, { from, limit: asked.limit })
  return { attempts: page.attempts, token: toPageToken(question, page.next), done: page.done }
}

function meteringOf({ metering }: Deps): Metering {
  if (metering !== undefined) return metering
  throw new PlatformError('UNAVAILABLE', 'nothing is metered by this service')
}
