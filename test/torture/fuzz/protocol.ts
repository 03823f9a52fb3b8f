/** What one run in a process of its own is told, as JSON in its arguments. */
export interface Job {
  readonly target: string
  readonly seed: number
  /** Mutants to try; the time may end it before. */
  readonly n: number
  readonly seconds: number | undefined
  readonly vectors: string | undefined
  /** Holds the input in hand, for whoever finds the process dead or busy for too long. */
  readonly inHand: string
}

/** In `Job.inHand`: the number of the input, its length, then the input. */
export const IN_HAND_HEAD_BYTES = 8

export interface Failure {
  readonly what: string
  /** Base64. */
  readonly input: string
}

export type Report =
  | { readonly kind: 'failure'; readonly failure: Failure }
  | { readonly kind: 'progress'; readonly done: number }
  | {
      readonly kind: 'done'
      readonly done: number
      readonly inputs: number
      readonly outcomes: number
      readonly blocks: number
    }

/** RELIABILITY, row 13. */
export const TIME_LIMIT_MS = 1_000
export const HEAP_LIMIT_MB = 256
