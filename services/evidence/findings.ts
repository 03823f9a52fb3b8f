/** What kind of thing does not fit. */
export type EvidenceFindingKind =
  | 'archive'
  | 'missing'
  | 'extra'
  | 'edited'
  | 'checkpoint'
  | 'ledger'
  | 'entry'
  | 'window'
  | 'row'
  | 'decision'
  | 'policy'
  | 'seal'
  | 'artifact'
  | 'publisher'

export interface EvidenceFinding {
  readonly kind: EvidenceFindingKind
  /** For people. */
  readonly message: string
}

/** Findings kept of one archive; a hostile one shall not fill the memory with them. */
const FINDINGS_LIMIT = 1_000

/** Everything that does not fit, in the order in which it was found. */
export class Findings {
  readonly list: EvidenceFinding[] = []

  add(kind: EvidenceFindingKind, message: string): void {
    if (!this.isFull) this.list.push({ kind, message })
  }

  /** Whether nothing more would be told, so that a hostile archive needs no further look. */
  get isFull(): boolean {
    return this.list.length >= FINDINGS_LIMIT
  }

  /** What the work answers; where it throws, that is a finding and the answer `undefined`. */
  guard<T>(kind: EvidenceFindingKind, what: string, work: () => T): T | undefined {
    try {
      return work()
    } catch (error) {
      this.add(kind, `${what}: ${error instanceof Error ? error.message : 'cannot be read'}`)
      return undefined
    }
  }
}
