import { PlatformError } from '../model/index.ts'

export interface IntakeLimits {
  /** Bodies held in memory, all requests together. */
  readonly memoryBytes: number
  /** Bodies being written to temporary files at once. */
  readonly spools: number
}

export const defaultIntakeLimits: IntakeLimits = { memoryBytes: 134_217_728, spools: 32 }

/** What all requests together may hold: many slow or large ones fill neither memory nor disk (DESIGN §11). */
export class IntakeBudget {
  readonly #limits: IntakeLimits
  #memoryBytes = 0
  #spools = 0

  constructor(limits: IntakeLimits = defaultIntakeLimits) {
    this.#limits = limits
  }

  get memoryBytes(): number {
    return this.#memoryBytes
  }

  get spools(): number {
    return this.#spools
  }

  tryMemory(bytes: number): boolean {
    if (this.#memoryBytes + bytes > this.#limits.memoryBytes) return false
    this.#memoryBytes += bytes
    return true
  }

  freeMemory(bytes: number): void {
    this.#memoryBytes -= bytes
  }

  /** @throws PlatformError TOO_MANY_REQUESTS */
  takeSpool(): void {
    if (this.#spools >= this.#limits.spools) throw tooMany()
    this.#spools += 1
  }

  freeSpool(): void {
    this.#spools -= 1
  }
}

export function tooMany(): PlatformError {
  return new PlatformError('TOO_MANY_REQUESTS', 'Rate exceeded', {
    detail: { reason: 'CallerRateLimitExceeded', retryAfterSeconds: 1 },
  })
}
