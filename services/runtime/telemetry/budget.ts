/** Telemetry that waits in the service for all subscribers together, and no more: bytes of JSON. */
export const TELEMETRY_LIMIT_BYTES = 67_108_864

/**
 * What may wait for whom. Nobody holds more than is still free: the greedy share what there is, and something is left for
 * whoever comes next, so that a receiver that never reads takes nothing from one that does.
 */
export class TelemetryBudget {
  readonly #limitBytes: number
  #usedBytes = 0

  constructor(limitBytes = TELEMETRY_LIMIT_BYTES) {
    this.#limitBytes = limitBytes
  }

  get usedBytes(): number {
    return this.#usedBytes
  }

  /** Whether one who holds so much may have more; it is counted then, until it is given back. */
  take(heldBytes: number, bytes: number): boolean {
    if (heldBytes + bytes > this.#limitBytes - this.#usedBytes) return false
    this.#usedBytes += bytes
    return true
  }

  /** Counted without asking: what tells of losses is small, and may not be lost. */
  force(bytes: number): void {
    this.#usedBytes += bytes
  }

  give(bytes: number): void {
    this.#usedBytes -= bytes
  }
}
