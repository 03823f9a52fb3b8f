import type { AnswerReceiver, AnswerStart } from '../operations/index.ts'

/** Sends one piece to the client; resolves when the next may follow. Throws where the client has gone. */
export type Send = (bytes: Uint8Array) => Promise<void>

interface Waiting {
  readonly piece: Uint8Array
  readonly taken: () => void
}

/**
 * Between a function that streams and a client that reads: a piece is taken when the one before it has gone out, so that
 * the slower of the two sets the pace. Once nobody reads, pieces are thrown away and the function runs to its end.
 */
export class AnswerPipe implements AnswerReceiver {
  /** Resolves once the answer begins; never where it does not. */
  readonly begun: Promise<AnswerStart>
  #begin: (start: AnswerStart) => void = () => undefined
  readonly #waiting: Waiting[] = []
  #state: 'open' | 'ended' | 'dropped' = 'open'
  #wake: (() => void) | undefined

  constructor() {
    this.begun = new Promise((resolve) => (this.#begin = resolve))
  }

  begin(start: AnswerStart): void {
    this.#begin(start)
  }

  write(piece: Uint8Array): Promise<void> {
    if (this.#state === 'dropped') return Promise.resolve()
    return new Promise((taken) => {
      this.#waiting.push({ piece, taken })
      this.#wake?.()
    })
  }

  /** No more will come. */
  end(): void {
    if (this.#state === 'open') this.#state = 'ended'
    this.#wake?.()
  }

  /** Nobody reads any more. */
  drop(): void {
    this.#state = 'dropped'
    for (const { taken } of this.#waiting.splice(0)) taken()
    this.#wake?.()
  }

  /** Passes every piece on until the end; whatever `send` throws, the pieces that follow are dropped. */
  async pump(send: Send): Promise<void> {
    try {
      for (;;) {
        const next = this.#waiting.shift()
        if (next !== undefined) {
          await send(next.piece)
          next.taken()
        } else if (this.#state === 'open') {
          await new Promise<void>((resolve) => (this.#wake = resolve))
          this.#wake = undefined
        } else return
      }
    } catch (error) {
      this.drop()
      throw error
    }
  }
}

/** What comes first: the beginning of a streamed answer, or the end of one that is whole. @throws what `running` throws */
export async function firstOf<T>(
  pipe: AnswerPipe,
  running: Promise<T>,
): Promise<
  | { readonly kind: 'stream'; readonly start: AnswerStart }
  | { readonly kind: 'whole'; readonly answer: T }
> {
  return await Promise.race([
    pipe.begun.then((start) => ({ kind: 'stream', start }) as const),
    running.then((answer) => ({ kind: 'whole', answer }) as const),
  ])
}
