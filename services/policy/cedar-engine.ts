import { createRequire } from 'node:module'
import { setFlagsFromString } from 'node:v8'

import type * as CedarModule from '@cedar-policy/cedar-wasm/nodejs'

import { PlatformError } from '../model/index.ts'

/**
 * Node 20's V8 (11.3) puts calls to WebAssembly into the code that makes them, and ends the process ("unreachable code", in
 * its deoptimizer) when that code is thrown away during such a call. Some thousand decisions are enough.
 */
export function flagsFor(v8: string): readonly string[] {
  return v8.startsWith('11.') ? ['--no-turbo-inline-js-wasm-calls'] : []
}

for (const flag of flagsFor(process.versions.v8)) setFlagsFromString(flag)

/** Cedar as it is compiled to WebAssembly, with what it was handed so far. */
export type Cedar = typeof CedarModule

const PACKAGE = '@cedar-policy/cedar-wasm/nodejs'

let engine: Cedar | undefined

/**
 * Calls the engine, which recurses as deep as what it is given is nested. Where that is deeper than the thread's stack the
 * call is cut off in its midst, and the engine's memory is as it was at that moment: every later answer would be an error
 * or, worse, none of its own. Such an engine is thrown away, and the next call is made on a new one. What is wrong with
 * the input otherwise comes as an answer: whatever else is thrown (a trap, a full stack, a panic) says that it was cut off.
 * @throws PlatformError INVALID_PARAMETER where the engine was cut off
 */
export function withCedar<T>(call: (cedar: Cedar) => T): T {
  const cedar = (engine ??= load())
  try {
    return call(cedar)
  } catch (error) {
    if (error instanceof PlatformError) throw error
    if (engine === cedar) engine = undefined
    const message = 'this is nested too deep, or too large, for the policy engine'
    throw new PlatformError('INVALID_PARAMETER', message, { cause: error })
  }
}

/** A `require` of its own each time: it would keep what it loaded before from being collected. */
function load(): Cedar {
  const require = createRequire(import.meta.url)
  Reflect.deleteProperty(require.cache, require.resolve(PACKAGE))
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the module of that name
  return require(PACKAGE) as Cedar
}
