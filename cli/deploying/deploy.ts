import { PlatformError, type Clock } from '../../services/model/index.ts'
import {
  narrate,
  paths,
  planHeaders,
  pointAlias,
  settled,
  text,
  type JsonObject,
  type PlanOption,
  type Service,
} from '../service/index.ts'
import type { Terminal } from '../terminal.ts'
import {
  changesConfiguration,
  configurationMembers,
  newFunctionMembers,
  type ConfigurationOptions,
} from './configuration.ts'
import { prepareCode, type CodeMember } from './upload.ts'

export interface DeployOptions extends ConfigurationOptions, PlanOption {
  readonly function: string
  readonly publish?: boolean
  readonly alias?: string
  readonly weight?: string
  readonly codeSigningConfig?: string
  readonly seal?: readonly string[]
}

export interface Deployed {
  readonly functionArn: string
  readonly codeSha256: string
  /** `$LATEST` unless one was published. */
  readonly version: string
  readonly alias: string | null
  readonly weight: number | null
  /** Ids of every decision on the way, in order. */
  readonly decisions: readonly string[]
}

interface Run {
  readonly service: Service
  readonly terminal: Terminal
  readonly clock: Clock
  readonly decisions: string[]
}

/** The steps in AWS's order; each is a change of its own, decided by itself. */
export async function deploy(
  with_: { readonly service: Service; readonly terminal: Terminal; readonly clock: Clock },
  file: string,
  options: DeployOptions,
): Promise<Deployed> {
  const run: Run = { ...with_, decisions: [] }
  const weight = readWeight(options)
  const code = await prepareCode(run.service, run.terminal, { file, seals: options.seal ?? [] })
  const existing = await run.service.find(paths.configuration(options.function))
  if (existing === undefined) await create(run, code, options)
  else await update(run, code, { ...options, ...(await differing(run, existing, options)) })
  const latest = await settled(run.service, { name: options.function }, run)
  const version = await publish(run, options)
  if (options.alias !== undefined)
    await move(run, { ...options, alias: options.alias, version }, weight)
  return {
    functionArn: text(latest, 'FunctionArn'),
    codeSha256: text(latest, 'CodeSha256'),
    version,
    alias: options.alias ?? null,
    weight: weight ?? null,
    decisions: run.decisions,
  }
}

async function create(run: Run, code: CodeMember, options: DeployOptions): Promise<void> {
  await change(heldTo(run, options), 'created', ['POST', paths.functions], {
    ...newFunction(options),
    Code: code,
  })
}

/** All of CreateFunction's members but the code. */
export function newFunction(options: DeployOptions): JsonObject {
  return {
    ...newFunctionMembers(options),
    FunctionName: options.function,
    CodeSigningConfigArn: options.codeSigningConfig,
  }
}

/** A plan is one of the code; what comes after it is decided by itself. */
function heldTo(run: Run, options: DeployOptions): Run {
  return { ...run, service: run.service.withHeaders(planHeaders(options)) }
}

/** The config first, so that it judges the code; then how the code runs; then the code. */
async function update(run: Run, code: CodeMember, options: DeployOptions): Promise<void> {
  const { function: name, codeSigningConfig } = options
  if (options.plan !== undefined && (codeSigningConfig !== undefined || configures(options)))
    throw new PlatformError(
      'INVALID_PARAMETER',
      '--plan holds the code to its plan: change configuration or signing config before, by `lacre deploy` without it',
    )
  if (codeSigningConfig !== undefined) {
    const body = { CodeSigningConfigArn: codeSigningConfig }
    await change(run, 'code signing config', ['PUT', paths.signing(name)], body)
  }
  const members = configurationMembers(options)
  if (changesConfiguration(members)) {
    await settled(run.service, { name }, run)
    await change(run, 'configuration', ['PUT', paths.configuration(name)], members)
  }
  await settled(run.service, { name }, run)
  await change(heldTo(run, options), 'code', ['PUT', paths.code(name)], code)
}

/** Options that a plan leaves room for: what the function has already is not asked for again. */
const PLAIN = { runtime: 'Runtime', handler: 'Handler' } as const

/** Of a function held to a plan, options that say what is so; they become `undefined`. */
async function differing(
  { service }: Run,
  existing: JsonObject,
  options: DeployOptions,
): Promise<Record<string, undefined>> {
  if (options.plan === undefined) return {}
  const same = Object.entries(PLAIN)
    .filter(([option, member]) => options[option as keyof typeof PLAIN] === existing[member])
    .map(([option]) => option)
  if (options.codeSigningConfig !== undefined) {
    const signing = await service.get(paths.signing(options.function))
    if (signing['CodeSigningConfigArn'] === options.codeSigningConfig)
      same.push('codeSigningConfig')
  }
  return Object.fromEntries(same.map((option) => [option, undefined]))
}

function configures(options: DeployOptions): boolean {
  return changesConfiguration(configurationMembers(options))
}

async function publish(run: Run, options: DeployOptions): Promise<string> {
  if (options.publish !== true && options.alias === undefined) return '$LATEST'
  const { function: name } = options
  const body = await change(run, 'version', ['POST', paths.versions(name)], {})
  const version = text(body, 'Version')
  await settled(run.service, { name, qualifier: version }, run)
  return version
}

async function move(
  run: Run,
  target: { readonly function: string; readonly alias: string; readonly version: string },
  weight: number | undefined,
): Promise<void> {
  const { function: name, alias, version } = target
  const { decisionId } = await pointAlias(run.service, { name, alias, version }, weight)
  await keep(run, `alias ${alias}`, decisionId)
}

async function change(
  run: Run,
  what: string,
  [method, path]: readonly ['POST' | 'PUT', string],
  body: JsonObject,
): Promise<JsonObject> {
  const answer = await run.service.change(method, path, body)
  await keep(run, what, answer.decisionId)
  return answer.body
}

async function keep(run: Run, what: string, id: string | undefined): Promise<void> {
  if (id === undefined) return
  run.decisions.push(id)
  await narrate(run.service, run.terminal, { what, id })
}

function readWeight(options: DeployOptions): number | undefined {
  if (options.weight === undefined) return undefined
  const weight = Number(options.weight)
  if (options.alias !== undefined && weight >= 0 && weight <= 1 && options.weight !== '')
    return weight
  throw new PlatformError('INVALID_PARAMETER', '--weight takes 0 to 1, together with --alias')
}
