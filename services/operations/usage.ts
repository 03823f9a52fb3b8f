import type { Metering, Usage } from '../logs/index.ts'
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
