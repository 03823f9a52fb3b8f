import type { Witness } from '../signer.ts'
import { timestampWitness } from '../timestamp-client.ts'
import type { SigningServices } from './signing-services.ts'
import { logWitness } from './transparency-log.ts'

/**
 * Timestamps first, then the logs: an entry in a log stays, and is not made for a signature that then gets no time.
 * @throws PlatformError INVALID_PARAMETER for a URL that cannot be asked
 */
export function witnessOf({
  logs,
  entryType,
  timestampServers,
}: SigningServices): Witness | undefined {
  const witnesses = [
    ...(timestampServers.length > 0 ? [timestampWitness(timestampServers)] : []),
    ...(logs.length > 0 ? [logWitness(logs, entryType)] : []),
  ]
  return witnesses.length === 0 ? undefined : allOf(witnesses)
}

/** All of them, one after the other; what one refuses is not made up for by another. */
function allOf(witnesses: readonly Witness[]): Witness {
  return async (made) => {
    const attested = []
    for (const witness of witnesses) attested.push(await witness(made))
    return {
      timestamps: attested.flatMap(({ timestamps }) => timestamps),
      logEntries: attested.flatMap(({ logEntries }) => logEntries),
    }
  }
}
