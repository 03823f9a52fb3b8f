import { execFile } from 'node:child_process'
import { access, constants, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

import type { ResolvedRuntime } from './options.ts'

const run = promisify(execFile)

/** The machine's own interpreters; those AWS would have brought are replaced by these. */
export interface Interpreters {
  readonly node: { readonly path: string; readonly version: string }
  readonly python: { readonly path: string; readonly version: string } | undefined
}

export type RuntimeFamily = 'node' | 'python' | 'custom'

/** Which bootstrap serves a runtime id (SPEC A2); `undefined` where none does. */
export function runtimeFamily(id: string): RuntimeFamily | undefined {
  if (/^nodejs(16|18|20|22|24|26)\.x$/.test(id)) return 'node'
  if (/^python3\.(8|9|1[0-5])$/.test(id)) return 'python'
  return id === 'provided.al2' || id === 'provided.al2023' ? 'custom' : undefined
}

export function resolveRuntime(id: string, interpreters: Interpreters): ResolvedRuntime {
  const family = runtimeFamily(id)
  if (family === undefined) {
    return {
      kind: 'unsupported',
      reason: `runtime \`${id}\` is not served here: nodejs16.x to nodejs26.x, python3.8 to python3.15, provided.al2 and provided.al2023 are`,
    }
  }
  if (family === 'custom') return { kind: 'ok', interpreter: 'bootstrap' }
  const found = family === 'node' ? interpreters.node : interpreters.python
  if (found === undefined) {
    return { kind: 'unsupported', reason: `runtime \`${id}\` needs python3, which was not found` }
  }
  const wanted = id.replace(/^nodejs|^python|\.x$/g, '')
  const exact = found.version === wanted || found.version.startsWith(`${wanted}.`)
  const name = family === 'node' ? 'Node' : 'Python'
  return exact
    ? { kind: 'ok', interpreter: found.path }
    : {
        kind: 'ok',
        interpreter: found.path,
        substitute: `${name} ${found.version} of this machine stands in for ${id}`,
      }
}

/**
 * Looks for the interpreters once, at start. Virtual shims (pyenv) are passed over: they are scripts that need a home
 * directory, which no sandbox has.
 */
export async function findInterpreters(
  nodePath: string,
  nodeVersion: string,
): Promise<Interpreters> {
  return {
    node: { path: await realpath(nodePath), version: nodeVersion.replace(/^v/, '') },
    python: await findPython(['/usr/bin', '/usr/local/bin', '/opt/homebrew/bin', '/bin']),
  }
}

async function findPython(dirs: readonly string[]): Promise<Interpreters['python']> {
  for (const dir of dirs) {
    try {
      const path = join(dir, 'python3')
      await access(path, constants.X_OK)
      const print = 'import sys; print(".".join(map(str, sys.version_info[:3])))'
      const { stdout } = await run(path, ['-I', '-S', '-c', print], { env: {}, timeout: 5_000 })
      const version = stdout.trim()
      if (/^3\.\d+\.\d+$/.test(version)) return { path: await realpath(path), version }
    } catch {
      // not there, or not runnable: the next place
    }
  }
  return undefined
}
