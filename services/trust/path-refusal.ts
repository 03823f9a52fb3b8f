/** Why no path leads from a certificate to an anchor. */
export interface PathRefusal {
  /** One stable word. */
  readonly reason: string
  readonly got: string
  readonly fix: string | undefined
}

export function refusePath(reason: string, got: string, fix?: string): PathRefusal {
  return { reason, got, fix }
}
