/** Below it, C2SP tlog-tiles of one ledger: each has a prefix of its own, since what is read there never changes. */
export function tlogPrefix(epoch: number): string {
  return `/tlog/${epoch}`
}

export const TLOG_ROUTE = '/tlog/:epoch/*'
