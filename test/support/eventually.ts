import { expect } from 'vitest'

const LIMIT_MS = 45_000

/** Polls until it holds; a loaded machine takes its time. */
export const eventually = <T>(read: () => T) => expect.poll(read, { timeout: LIMIT_MS })
