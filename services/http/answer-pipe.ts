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
  #last: Waiting | undefined
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
    this.#last?.taken()
    for (const { taken } of this.#waiting.splice(0)) taken()
    this.#wake?.()
  }

  /** The next piece, `undefined` at the end; asking for it says that the one before has gone out. */
  async next(): Promise<Uint8Array | undefined> {
    this.#last?.taken()
    this.#last = undefined
    for (;;) {
      this.#last = this.#waiting.shift()
      if (this.#last !== undefined) return this.#last.piece
      if (this.#state !== 'open') return undefined
      await new Promise<void>((resolve) => (this.#wake = resolve))
      this.#wake = undefined
    }
  }

  /** Passes every piece on until the end; whatever `send` throws, the pieces that follow are dropped. */
  async pump(send: Send): Promise<void> {
    try {
      for (let piece = await this.next(); piece !== undefined; piece = await this.next())
        await send(piece)
    } catch (error) {
      this.drop()
      throw error
    }
  }
}

/**
 * What comes first: the beginning of a streamed answer, or the end of one that is whole. From here on the pipe ends with
 * what runs; where that fails, what its function still writes is thrown away. @throws what `running` throws
 */
export async function firstOf<T>(
  pipe: AnswerPipe,
  running: Promise<T>,
): Promise<
  | { readonly kind: 'stream'; readonly start: AnswerStart }
  | { readonly kind: 'whole'; readonly answer: T }
> {
  running.then(
    () => pipe.end(),
    () => pipe.drop(),
  )
  return await Promise.race([
    pipe.begun.then((start) => ({ kind: 'stream', start }) as const),
    running.then((answer) => ({ kind: 'whole', answer }) as const),
  ])
}
