import { PlatformError } from '../../services/model/index.ts'
import type { JsonObject } from '../service/index.ts'

/** The options of `lacre deploy` that say how code runs. */
export interface ConfigurationOptions {
  readonly runtime?: string
  readonly handler?: string
  readonly role?: string
  readonly description?: string
  readonly layer?: readonly string[]
  readonly env?: readonly string[]
  readonly memory?: string
  readonly timeout?: string
}

/** A role is asked for by AWS's clients and not used here; this one says so. */
const ROLE_HERE = 'arn:aws:iam::000000000000:role/lacre'

/** Lambda's members for what was given, and nothing for what was not. @throws PlatformError INVALID_PARAMETER */
export function configurationMembers(options: ConfigurationOptions): JsonObject {
  const { runtime, handler, role, description, layer, env, memory, timeout } = options
  return {
    Runtime: runtime,
    Handler: handler,
    Role: role,
    Description: description,
    Layers: layer,
    Environment: env === undefined ? undefined : { Variables: variables(env) },
    MemorySize: whole('--memory', memory),
    Timeout: whole('--timeout', timeout),
  }
}

/** The same for a function that is new: what AWS requires is required here. */
export function newFunctionMembers(options: ConfigurationOptions): JsonObject {
  for (const name of ['runtime', 'handler'] as const) {
    if (options[name] !== undefined) continue
    throw new PlatformError('INVALID_PARAMETER', `the function is new: it wants --${name}`)
  }
  return { ...configurationMembers(options), Role: options.role ?? ROLE_HERE }
}

/** Whether any of it was given. */
export function changesConfiguration(members: JsonObject): boolean {
  return Object.values(members).some((value) => value !== undefined)
}

function variables(pairs: readonly string[]): JsonObject {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=')
      if (at > 0) return [pair.slice(0, at), pair.slice(at + 1)]
      throw new PlatformError('INVALID_PARAMETER', `\`${pair.slice(0, 80)}\` is not NAME=VALUE`)
    }),
  )
}

function whole(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (/^\d{1,6}$/.test(text)) return Number(text)
  throw new PlatformError('INVALID_PARAMETER', `${option} takes a whole number`)
}
