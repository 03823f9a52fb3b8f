/** One row that came out otherwise than its corpus says. */
export interface WrongRow {
  readonly id: string
  readonly expected: string
  readonly got: string
}

export interface CorpusResult {
  readonly right: number
  readonly wrong: readonly WrongRow[]
  readonly notApplicable: number
}

/** A corpus of foreign cases and how our functions are driven with it; `folder` lies under the vectors' root. */
export interface Corpus {
  /** The folder, and what follows it where one folder has several parts: `zip`, `sigv4-jose/v4`. */
  readonly name: string
  run(root: string, report: (line: string) => void): Promise<CorpusResult>
}
