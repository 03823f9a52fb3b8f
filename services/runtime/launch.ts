import { existsSync, lstatSync } from 'node:fs'
import { join } from 'node:path'

import { PlatformError, type Place, type ReleaseSpec } from '../model/index.ts'

import {
  buildEnvironment,
  LANG_DIR,
  OPT_ROOT,
  RUNTIME_DIR,
  TASK_ROOT,
} from './environment-variables.ts'
import type { StartRequest } from './handle.ts'
import {
  resolveRuntime,
  runtimeFamily,
  type Interpreters,
  type Language,
  type RuntimeFamily,
} from './interpreters.ts'
import type { PreparedTrees } from './prepare/prepared-trees.ts'

/** V8 is told of the limit, so that it collects before the kernel kills: the rest is for buffers, code and stacks. */
const HEAP_SHARE = 0.85
/** The JVM's classes, code and threads lie beside its heap. */
const JAVA_HEAP_SHARE = 0.6
/** AWS's order: the runtime, the package, its jars, those of layers. */
const CLASS_PATH = [RUNTIME_DIR, TASK_ROOT, `${TASK_ROOT}/lib/*`, `${OPT_ROOT}/java/lib/*`].join(
  ':',
)

const COMMANDS: Readonly<Record<Language, (memoryMb: number) => string[]>> = {
  node: (memoryMb) => {
    const heap = `--max-old-space-size=${Math.floor(memoryMb * HEAP_SHARE)}`
    return [`${LANG_DIR}/bin/node`, heap, `${RUNTIME_DIR}/node.mjs`]
  },
  python: () => [`${LANG_DIR}/bin/python3`, '-u', `${RUNTIME_DIR}/python.py`],
  ruby: () => [`${LANG_DIR}/bin/ruby`, `${RUNTIME_DIR}/ruby.rb`],
  java: (memoryMb) => {
    const heap = `-Xmx${Math.floor(memoryMb * JAVA_HEAP_SHARE)}m`
    const start = [
      '-XX:+UseSerialGC',
      '-XX:TieredStopAtLevel=1',
      '-XX:-UsePerfData',
      '-Xshare:auto',
    ]
    return [`${LANG_DIR}/bin/java`, heap, ...start, '-cp', CLASS_PATH, 'lacre.Bootstrap']
  },
}

export interface LaunchParts {
  readonly place: Place
  readonly interpreters: Interpreters
  readonly prepared: PreparedTrees
}

/** What to start for a release, or why there is nothing to start. */
export type Launch =
  { readonly kind: 'start'; readonly request: StartRequest } | { readonly kind: 'no-entrypoint' }

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
  const codeDir = await parts.prepared.ensure(spec.code)
  const layerDirs: string[] = []
  for (const layer of spec.layers) layerDirs.push(await parts.prepared.ensure(layer))
  await parts.prepared.checkStack(layerDirs)
  const command = commandOf(spec, family, [codeDir, ...[...layerDirs].reverse()])
  if (command === undefined) return { kind: 'no-entrypoint' }
  const { place } = parts
  const languageVersion = resolved.version ?? ''
  const { logStream } = slot
  const environment = buildEnvironment(spec, { place, family, languageVersion, logStream })
  const { memoryMb, ephemeralMb } = spec
  // Java cannot open an inherited descriptor as a socket: its bootstrap speaks AWS's Runtime API.
  const wire = family === 'custom' || family === 'java' ? 'http' : 'frames'
  const { interpreter } = resolved
  const paths = { slot: slot.name, command, codeDir, layerDirs }
  return {
    kind: 'start',
    request: { ...paths, ...environment, interpreter, wire, memoryMb, ephemeralMb },
  }
}

function commandOf(
  spec: ReleaseSpec,
  family: RuntimeFamily,
  trees: readonly string[],
): string[] | undefined {
  if (family === 'custom') return bootstrapOf(trees)
  const command = COMMANDS[family](spec.memoryMb)
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
