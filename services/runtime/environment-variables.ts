import { defaultLogging, type Place, type ReleaseSpec } from '../model/index.ts'

import { EGRESS_PROXY_PORT, RUNTIME_API_PORT, TELEMETRY_LOG_FD } from './constants.ts'
import type { RuntimeFamily } from './interpreters.ts'
import type { Wire } from './spawner/protocol.ts'

/** Where an environment sees its parts. The `process` driver, which has no file system of its own, maps these prefixes. */
export const TASK_ROOT = '/var/task'
export const OPT_ROOT = '/opt'
export const RUNTIME_DIR = '/var/runtime'
export const LANG_DIR = '/var/lang'

export interface EnvironmentContext {
  readonly place: Place
  readonly family: RuntimeFamily
  readonly logStream: string
  /** Of the interpreter that runs: layer directories carry it. */
  readonly languageVersion: string
  /** A runtime without our channel is given a descriptor for framed records. */
  readonly wire: Wire
  /** Whether it has an egress proxy. */
  readonly egress: boolean
}

/** A child's environment, built from nothing (SPEC A5; an inherited NODE_EXTRA_CA_CERTS alone costs 47 ms a start). */
export interface ChildEnvironment {
  readonly variables: Readonly<Record<string, string>>
  /** Names whose value is ours and holds sandbox paths, for drivers that must map them. */
  readonly platformPaths: readonly string[]
  /** Those that every function of the runtime starts from, as they are where it sets none of them. */
  readonly defaults: Readonly<Record<string, string>>
}

/**
 * AWS's precedence: the overridable ones (LANG, PATH, search paths, TZ, X-Ray) give way to the customer's, the reserved
 * ones do not. Credentials are left out: there are none to give.
 */
export function buildEnvironment(spec: ReleaseSpec, context: EnvironmentContext): ChildEnvironment {
  const logging = spec.logging ?? defaultLogging(spec.functionName)
  const overridable: Record<string, string> = {
    LANG: 'en_US.UTF-8',
    TZ: ':UTC',
    PATH: `${LANG_DIR}/bin:/usr/local/bin:/usr/bin/:/bin:${OPT_ROOT}/bin`,
    LD_LIBRARY_PATH: [
      `${LANG_DIR}/lib:/lib64:/usr/lib64:${RUNTIME_DIR}:${RUNTIME_DIR}/lib`,
      `${TASK_ROOT}:${TASK_ROOT}/lib:${OPT_ROOT}/lib`,
    ].join(':'),
    AWS_XRAY_CONTEXT_MISSING: 'LOG_ERROR',
    AWS_XRAY_DAEMON_ADDRESS: '127.0.0.1:2000',
    ...searchPath(context),
    ...(context.egress ? proxyVariables(spec.environment) : {}),
  }
  const reserved: Record<string, string> = {
    _HANDLER: spec.handler,
    AWS_DEFAULT_REGION: context.place.region,
    AWS_REGION: context.place.region,
    AWS_EXECUTION_ENV: `AWS_Lambda_${spec.runtime}`,
    AWS_LAMBDA_FUNCTION_NAME: spec.functionName,
    AWS_LAMBDA_FUNCTION_VERSION: spec.version,
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(spec.memoryMb),
    AWS_LAMBDA_LOG_GROUP_NAME: logging.group,
    // As recorded: neither is there in format Text.
    ...(logging.format === 'JSON' && {
      AWS_LAMBDA_LOG_FORMAT: 'JSON',
      AWS_LAMBDA_LOG_LEVEL: logging.applicationLevel ?? 'INFO',
    }),
    AWS_LAMBDA_LOG_STREAM_NAME: context.logStream,
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    ...(context.wire === 'http' && { _LAMBDA_TELEMETRY_LOG_FD: String(TELEMETRY_LOG_FD) }),
    _AWS_XRAY_DAEMON_ADDRESS: '127.0.0.1',
    _AWS_XRAY_DAEMON_PORT: '2000',
    LAMBDA_TASK_ROOT: TASK_ROOT,
    LAMBDA_RUNTIME_DIR: RUNTIME_DIR,
    PWD: TASK_ROOT,
    SHLVL: '0',
  }
  const variables = { ...overridable, ...spec.environment, ...reserved }
  const platformPaths = Object.keys(variables).filter(
    (name) => name in reserved || !(name in spec.environment),
  )
  return { variables, platformPaths, defaults: overridable }
}

/** How programs are told of a proxy; each in neither case where the function sets it in one. */
function proxyVariables(own: Readonly<Record<string, string>>): Record<string, string> {
  const proxy = `http://127.0.0.1:${EGRESS_PROXY_PORT}`
  const ours = {
    HTTPS_PROXY: proxy,
    https_proxy: proxy,
    HTTP_PROXY: proxy,
    http_proxy: proxy,
    NO_PROXY: '127.0.0.1,localhost',
    no_proxy: '127.0.0.1,localhost',
    // Node 24, and 22 from 22.21: its own fetch and agents heed the others
    NODE_USE_ENV_PROXY: '1',
  }
  const taken = new Set(Object.keys(own).map((name) => name.toUpperCase()))
  return Object.fromEntries(Object.entries(ours).filter(([name]) => !taken.has(name.toUpperCase())))
}

/** As a sandbox shows them: where the Runtime API listens is recorded from AWS, whether anybody does or not. */
export function sandboxVariables(
  variables: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  return { ...variables, AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${RUNTIME_API_PORT}` }
}

/** Names that extensions do not see besides those with a leading underscore (SPEC A5). */
const RUNTIME_ONLY = new Set([
  'AWS_EXECUTION_ENV',
  'AWS_LAMBDA_LOG_GROUP_NAME',
  'AWS_LAMBDA_LOG_STREAM_NAME',
  'AWS_XRAY_CONTEXT_MISSING',
  'AWS_XRAY_DAEMON_ADDRESS',
  'LAMBDA_RUNTIME_DIR',
  'LAMBDA_TASK_ROOT',
])

/** Whether a variable is the runtime's alone. */
export function isRuntimeOnly(name: string): boolean {
  return name.startsWith('_') || RUNTIME_ONLY.has(name)
}

/** Where each language looks for layers (SPEC A5). */
function searchPath(context: EnvironmentContext): Record<string, string> {
  if (context.family === 'node') {
    const major = context.languageVersion.split('.')[0] ?? ''
    const dirs = [`nodejs/node${major}/node_modules`, 'nodejs/node_modules']
    const paths = dirs.map((dir) => `${OPT_ROOT}/${dir}`)
    return {
      NODE_PATH: [...paths, `${RUNTIME_DIR}/node_modules`, RUNTIME_DIR, TASK_ROOT].join(':'),
    }
  }
  if (context.family === 'ruby') {
    const abi = context.languageVersion.replace(/^(\d+\.\d+).*/, '$1.0')
    const gems = [`${TASK_ROOT}/vendor/bundle/ruby/${abi}`, `${OPT_ROOT}/ruby/gems/${abi}`]
    return { GEM_PATH: gems.join(':'), RUBYLIB: `${OPT_ROOT}/ruby/lib` }
  }
  return context.family === 'python' ? { PYTHONPATH: RUNTIME_DIR } : {}
}
