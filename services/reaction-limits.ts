import { PlatformError } from './model/index.ts'
import { DEFAULT_REACTION_LIMITS, type ReactionLimits } from './operations/index.ts'

const MAX_ALIASES_LIMIT = 10_000
const GRACE_LIMIT_SECONDS = 900

/** As given to `serve`; what is not given is as shipped. @throws PlatformError CONFIGURATION */
export function readReactionLimits(given: {
  readonly maxAliases: string | undefined
  readonly graceSeconds: string | undefined
}): ReactionLimits {
  const { maxAliases, graceMs } = DEFAULT_REACTION_LIMITS
  return {
    maxAliases: wholeNumber('aliases reacted to at once', given.maxAliases, {
      otherwise: maxAliases,
      max: MAX_ALIASES_LIMIT,
    }),
    graceMs:
      wholeNumber('seconds that running calls have left', given.graceSeconds, {
        otherwise: graceMs / 1_000,
        max: GRACE_LIMIT_SECONDS,
      }) * 1_000,
  }
}

function wholeNumber(
  what: string,
  text: string | undefined,
  { otherwise, max }: { readonly otherwise: number; readonly max: number },
): number {
  if (text === undefined) return otherwise
  if (/^[0-9]{1,6}$/.test(text) && Number(text) <= max) return Number(text)
  throw new PlatformError('CONFIGURATION', `${what}: \`${text}\` is not 0 to ${max}`)
}
