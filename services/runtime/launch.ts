import { existsSync, lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

import { PlatformError, type Place, type ReleaseSpec } from '../model/index.ts'

import { EXTENSION_LIMIT } from './constants.ts'
import {
  buildEnvironment,
  isRuntimeOnly,
  LANG_DIR,
  OPT_ROOT,
  RUNTIME_DIR,
  TASK_ROOT,
} from './environment-variables.ts'
import { entrypointFailure, extensionFailure, type Failure } from './failures.ts'
import { codelessStart } from './codeless-start.ts'
import { envelopeOf } from './envelope.ts'
import type { StartRequest } from './handle.ts'
import {
  resolveRuntime,
  runtimeFamily,
  type Interpreters,
  type Language,
  type RuntimeFamily,
} from './interpreters.ts'
import type { EgressDialer } from './options.ts'
import type { PreparedTree, PreparedTrees } from './prepare/prepared-trees.ts'

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
  /** Whether the Runtime API can be opened inside a sandbox here. */
  readonly apiServed: boolean
  /** What the egress proxy of those that have a list connects by; absent where none is opened. */
  readonly dialer: EgressDialer | undefined
}

/** What to start for a release, or why there is nothing to start. */
export type Launch =
  | {
      readonly kind: 'start'
      readonly request: StartRequest
      /** Everything that code is loaded from. */
      readonly trees: readonly PreparedTree[]
    }
  | { readonly kind: 'refused'; readonly failure: (requestId: string) => Failure }

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
  if (command === undefined) return { kind: 'refused', failure: entrypointFailure }
  const extensions = extensionsIn(layerDirs)
  const refused = extensionsRefused(extensions, parts.apiServed)
  if (refused !== undefined)
    return { kind: 'refused', failure: (requestId) => extensionFailure(requestId, refused) }
  const { place } = parts
  const languageVersion = resolved.version ?? ''
  const { logStream } = slot
  const egress = parts.dialer !== undefined && (spec.egress ?? []).length > 0
  // Java cannot open an inherited descriptor as a socket: its bootstrap speaks AWS's Runtime API.
  const wire = family === 'custom' || family === 'java' ? 'http' : 'frames'
  const { defaults, ...environment } = buildEnvironment(spec, { place, family, languageVersion, logStream, wire, egress }) // prettier-ignore
  const { memoryMb, ephemeralMb } = spec
  const { interpreter } = resolved
  const api = wire === 'http' || extensions.length > 0 || (parts.apiServed && asksForApi(spec))
  const runtimeOnly = Object.keys(environment.variables).filter(isRuntimeOnly)
  const paths = { slot: slot.name, command, codeDir, layerDirs }
  const started = { ...paths, interpreter, extensions, wire, api, egress } as const
  const request = { ...started, ...environment, runtimeOnly, memoryMb, ephemeralMb }
  const codeless = codelessStart(request, { family, defaults, own: spec.environment })
  const assignment = codeless && { codeless, envelope: envelopeOf(spec) }
  return { kind: 'start', request: { ...request, assignment }, trees: [code, ...layers] }
}

/** Set by functions whose own code registers an extension; others are known by their layers or their wrapper. */
const INTERNAL_EXTENSIONS = 'LACRE_INTERNAL_EXTENSIONS'

/**
 * Whether an extension within the runtime's process may ask for its API, where our own bootstrap needs none: opening it costs
 * a start some 50 ms. A wrapper script is how such extensions come into a function.
 */
function asksForApi({ environment }: ReleaseSpec): boolean {
  const wrapper = environment['AWS_LAMBDA_EXEC_WRAPPER'] ?? ''
  return wrapper !== '' || environment[INTERNAL_EXTENSIONS] === '1'
}

/** Every file of /opt/extensions, as the layers stacked show it: their sandbox paths in order of their names. */
function extensionsIn(layerDirs: readonly string[]): string[] {
  const names = layerDirs.flatMap((dir) => {
    const folder = join(dir, 'extensions')
    if (lstatSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) return []
    const entries = readdirSync(folder, { withFileTypes: true })
    return entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name)
  })
  return [...new Set(names)].sort().map((name) => `${OPT_ROOT}/extensions/${name}`)
}

/** What keeps extensions from being started at all. */
function extensionsRefused(
  paths: readonly string[],
  apiServed: boolean,
): { readonly errorType: string; readonly reason: string } | undefined {
  if (paths.length > EXTENSION_LIMIT) {
    const reason = `/opt/extensions holds ${paths.length} files, and the limit is ${EXTENSION_LIMIT}`
    return { errorType: 'Extension.TooManyExtensions', reason }
  }
  const errorType = 'Extension.LaunchError'
  if (paths.length > 0 && !apiServed)
    return { errorType, reason: 'the Runtime API can be opened inside a sandbox by root alone' }
  // Such a name could not be said in a header either.
  const unsayable = paths.find((path) => !/^[\x20-\x7e]+$/.test(path))
  if (unsayable === undefined) return undefined
  return { errorType, reason: `${JSON.stringify(unsayable)} is no name for an extension` }
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
