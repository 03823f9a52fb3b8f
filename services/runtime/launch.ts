import { existsSync, lstatSync } from 'node:fs'
import { join } from 'node:path'

import { PlatformError, type Place, type ReleaseSpec } from '../model/index.ts'

import { buildEnvironment, LANG_DIR, RUNTIME_DIR, TASK_ROOT } from './environment-variables.ts'
import type { StartRequest } from './handle.ts'
import {
  resolveRuntime,
  runtimeFamily,
  type Interpreters,
  type RuntimeFamily,
} from './interpreters.ts'
import type { PreparedTree, PreparedTrees } from './prepare/prepared-trees.ts'

/** V8 is told of the limit, so that it collects before the kernel kills: the rest is for buffers, code and stacks. */
const HEAP_SHARE = 0.85

export interface LaunchParts {
  readonly place: Place
  readonly interpreters: Interpreters
  readonly prepared: PreparedTrees
}

/** What to start for a release, or why there is nothing to start. */
export type Launch =
  | {
      readonly kind: 'start'
      readonly request: StartRequest
      /** Everything that code is loaded from. */
      readonly trees: readonly PreparedTree[]
    }
  | { readonly kind: 'no-entrypoint' }

/**
 * Everything a start needs, from the trees as they are now: each is checked against its stamp here, at every start.
 * @throws PlatformError INVALID_RUNTIME, ACTIVATION_FAILED
 */
export async function planLaunch(
  spec: ReleaseSpec,
  slot: { name: string; logStream: string },
  parts: LaunchParts,
): Promise<Launch> {
  const family = runtimeFamily(spec.runtime)
  const resolved = resolveRuntime(spec.runtime, parts.interpreters)
  if (family === undefined || resolved.kind === 'unsupported') {
    const reason = resolved.kind === 'unsupported' ? resolved.reason : 'unknown runtime'
    throw new PlatformError('INVALID_RUNTIME', reason)
  }
  const code = await parts.prepared.ensure(spec.code)
  const layers: PreparedTree[] = []
  for (const layer of spec.layers) layers.push(await parts.prepared.ensure(layer))
  const codeDir = code.dir
  const layerDirs = layers.map(({ dir }) => dir)
  await parts.prepared.checkStack(layerDirs)
  const command = commandOf(spec, family, [codeDir, ...[...layerDirs].reverse()])
  if (command === undefined) return { kind: 'no-entrypoint' }
  const { interpreters, place } = parts
  const languageVersion =
    family === 'python' ? (interpreters.python?.version ?? '') : interpreters.node.version
  const { logStream } = slot
  const environment = buildEnvironment(spec, { place, family, languageVersion, logStream })
  const { memoryMb, ephemeralMb } = spec
  const wire = family === 'custom' ? 'http' : 'frames'
  const paths = { slot: slot.name, command, codeDir, layerDirs }
  const request = { ...paths, ...environment, wire, memoryMb, ephemeralMb } as const
  return { kind: 'start', request, trees: [code, ...layers] }
}

function commandOf(
  spec: ReleaseSpec,
  family: RuntimeFamily,
  trees: readonly string[],
): string[] | undefined {
  if (family === 'custom') return bootstrapOf(trees)
  const heapMb = Math.floor(spec.memoryMb * HEAP_SHARE)
  const command =
    family === 'node'
      ? [`${LANG_DIR}/bin/node`, `--max-old-space-size=${heapMb}`, `${RUNTIME_DIR}/node.mjs`]
      : [`${LANG_DIR}/bin/python3`, '-u', `${RUNTIME_DIR}/python.py`]
  const wrapper = spec.environment['AWS_LAMBDA_EXEC_WRAPPER']
  if (wrapper === undefined || wrapper === '') return command
  // Through a shell, so that a missing wrapper is exit status 127, as on AWS.
  return ['/bin/sh', '-c', 'exec "$0" "$@"', wrapper, ...command]
}

/** `bootstrap` of the package, else of the topmost layer that has one; it must be executable. */
function bootstrapOf(trees: readonly string[]): string[] | undefined {
  for (const [index, tree] of trees.entries()) {
    const path = join(tree, 'bootstrap')
    const stat = lstatSync(path, { throwIfNoEntry: false })
    if (stat === undefined) continue
    if (stat.isFile() && (stat.mode & 0o111) !== 0)
      return [index === 0 ? `${TASK_ROOT}/bootstrap` : '/opt/bootstrap']
    if (stat.isSymbolicLink() && existsSync(path))
      return [index === 0 ? `${TASK_ROOT}/bootstrap` : '/opt/bootstrap']
    return undefined
  }
  return undefined
}
