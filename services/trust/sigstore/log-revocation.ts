import type { Revocation } from '../../model/index.ts'
import type { KnownLog, TrustedRoot } from './trusted-root.ts'

/** A window that no instant lies in. */
const NEVER = { fromMs: 1, untilMs: 0 }

/**
 * The root as it counts once keys of its logs are revoked: whoever holds such a key writes any entry and any time. An entry
 * of a revoked log is then one of an unknown log; a certificate's timestamp by one is still demanded, and does not hold.
 */
export function withoutRevokedLogs(
  root: TrustedRoot,
  revocations: readonly Revocation[],
  atMs: number,
): TrustedRoot {
  const isRevoked = ({ key }: KnownLog): boolean =>
    keyRevocations(key.spkiSha256, revocations).some((fromMs) => fromMs <= atMs)
  if (![...root.logs, ...root.ctLogs].some(isRevoked)) return root
  return {
    ...root,
    logs: root.logs.filter((log) => !isRevoked(log)),
    ctLogs: root.ctLogs.map((log) => (isRevoked(log) ? { ...log, window: NEVER } : log)),
  }
}

/** Instants after which a log of the root is revoked. */
export function logRevocationsAfter(
  root: TrustedRoot,
  revocations: readonly Revocation[],
  atMs: number,
): readonly number[] {
  return [...root.logs, ...root.ctLogs]
    .flatMap(({ key }) => keyRevocations(key.spkiSha256, revocations))
    .filter((fromMs) => fromMs > atMs)
    .map((fromMs) => fromMs - 1)
}

function keyRevocations(spkiSha256: string, revocations: readonly Revocation[]): number[] {
  return revocations
    .filter(({ targetKind, target }) => targetKind === 'key' && target === spkiSha256)
    .map(({ effectiveAtMs }) => effectiveAtMs)
}
