import { loaderVariables } from '../model/index.ts'

import type { RuntimeFamily } from './interpreters.ts'
import type { EnvironmentSpec } from './spawner/protocol.ts'

/** Everything of an environment that is settled before it is known whose it will be. */
export type CodelessStart = Omit<EnvironmentSpec, 'id' | 'tokens' | 'slot'> & {
  readonly codeDir: undefined
}

/** Bootstraps that can wait for what they are to be. */
const FAMILIES: ReadonlySet<RuntimeFamily> = new Set(['node', 'python'])

/**
 * Variables that a linker, the C library, an interpreter or one of its libraries reads before the first line of code or keeps
 * once it has: set later they would say something else than they do in a start from nothing.
 */
const READ_EARLY =
  /^(LANG|LANGUAGE|LOCALDOMAIN|NLSPATH|RES_OPTIONS|TZDIR|PYTHON.*|NODE_(?!ENV$).*|(LC|LD|UV|ICU|SSL|OPENSSL|MALLOC|GLIBC)_.*)$/

/** What of a start does not depend on the function's code, name and variables; `undefined` where it has to be from nothing. */
export function codelessStart(
  start: Omit<EnvironmentSpec, 'id' | 'tokens' | 'slot'>,
  whose: {
    readonly family: RuntimeFamily
    /** What every function of this runtime starts from. */
    readonly defaults: Readonly<Record<string, string>>
    /** What this one sets. */
    readonly own: Readonly<Record<string, string>>
  },
): CodelessStart | undefined {
  const { command, interpreter, wire, api, egress, extensions, layerDirs } = start
  const { memoryMb, ephemeralMb } = start
  const names = Object.keys(whose.own)
  if (!FAMILIES.has(whose.family) || wire !== 'frames' || api || egress) return undefined
  if (extensions.length > 0 || layerDirs.length > 0) return undefined
  // RULES §8: they are set only where the function runs from the start.
  if (loaderVariables(names).length > 0 || names.some((name) => READ_EARLY.test(name)))
    return undefined
  const bare = { wire, api, egress, extensions, layerDirs, runtimeOnly: [], platformPaths: [] }
  const limits = { memoryMb, ephemeralMb }
  return { ...bare, ...limits, command, interpreter, codeDir: undefined, variables: whose.defaults }
}
