/** Over which time what an environment takes is smoothed. */
const SMOOTHED_MS = 1_000
/** Who takes less than this part of what the hungriest takes is light… */
const LIGHT_BELOW = 1 / 4
/** …until it takes more than this. */
const HEAVY_ABOVE = 1 / 2

/**
 * Whether an environment takes much of the processors, beside what others take: how much there is to take depends on how
 * many want it. Where processors are short those that do weigh less (`Cgroup.weigh`): a busy neighbour would otherwise make
 * each call of one that waits for calls wait for its turns. A fresh environment has its start before it and is heavy.
 */
export class ProcessorShare {
  #usedMs = 0
  #atMs: number
  #rate = 0
  #isHeavy = true

  constructor(nowMs: number) {
    this.#atMs = nowMs
  }

  get isHeavy(): boolean {
    return this.#isHeavy
  }

  /** Of one processor, smoothed. @param usedMs since its beginning, over all processors */
  measure(usedMs: number, nowMs: number): number {
    const passedMs = nowMs - this.#atMs
    if (passedMs <= 0) return this.#rate
    const rate = (usedMs - this.#usedMs) / passedMs
    this.#rate = rate + (this.#rate - rate) * Math.exp(-passedMs / SMOOTHED_MS)
    this.#usedMs = usedMs
    this.#atMs = nowMs
    return this.#rate
  }

  /** @param most what the hungriest takes @returns whether it became heavy or light by it */
  compare(most: number): boolean {
    const before = this.#isHeavy
    // Between the two it stays what it was.
    if (this.#rate > most * HEAVY_ABOVE) this.#isHeavy = true
    else if (this.#rate < most * LIGHT_BELOW) this.#isHeavy = false
    return this.#isHeavy !== before
  }
}
