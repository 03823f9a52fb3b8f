import type { NewVerdict } from '../live/index.ts'
import type { VerdictState } from '../model/index.ts'

/** A verdict that is another one than was known. */
export interface VerdictChange extends NewVerdict {
  readonly functionName: string
  readonly alias: string
  readonly slot: 'primary' | 'weighted'
  readonly version: string
  readonly before: VerdictState | undefined
}

/** What a look finds while somebody writes down what it has found. */
export class VerdictChanges {
  readonly #found: VerdictChange[] = []
  #isOver = false
  #waiting: (() => void)[] = []

  add(change: VerdictChange): void {
    this.#found.push(change)
    this.#wake()
  }

  end(): void {
    this.#isOver = true
    this.#wake()
  }

  async slice(asked: { readonly from: number; readonly count: number }): Promise<VerdictChange[]> {
    const end = asked.from + asked.count
    while (!this.#isOver && this.#found.length < end)
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    return this.#found.slice(asked.from, end)
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}
