import { PlatformError } from '../model/index.ts'

/**
 * What `work` gives, or what `instead` makes of the refusal that it threw. A fault of our own is no refusal of anything
 * and goes on as it is.
 */
export function unlessRefused<T, U>(work: () => T, instead: (refusal: PlatformError) => U): T | U {
  try {
    return work()
  } catch (error) {
    if (error instanceof PlatformError && error.code !== 'INTERNAL') return instead(error)
    throw error
  }
}

/** The same for one of many: those that are refused are left out. */
export function unlessRefusedEach<T, U>(
  items: readonly T[],
  work: (item: T) => U,
  onRefusal: (refusal: PlatformError) => void = () => undefined,
): U[] {
  return items.flatMap((item) =>
    unlessRefused(
      () => [work(item)],
      (refusal) => {
        onRefusal(refusal)
        return []
      },
    ),
  )
}

/**
 * What is wrong with bytes that a caller gave is a wrong parameter, not a wrong seal.
 * @throws PlatformError INVALID_PARAMETER
 */
export function givenBytes<T>(read: () => T): T {
  return unlessRefused(read, (refusal) => {
    throw new PlatformError('INVALID_PARAMETER', refusal.publicMessage, { cause: refusal })
  })
}
