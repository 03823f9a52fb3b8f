import { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import type { Command } from 'commander'

import { PlatformError, type Json } from '../../services/model/index.ts'
import type { CommandModule, Environment } from '../command.ts'
import { EXIT, exitCodeOf } from '../exit-codes.ts'
import {
  connect,
  isObject,
  textTable,
  withConnection,
  type ConnectionOptions,
  type JsonObject,
} from '../service/index.ts'
import { scrubRunning, tellScrub } from '../scrub.ts'
import type { Terminal } from '../terminal.ts'
import { scrubStopped } from './scrub-offline.ts'

interface DoctorOptions extends ConnectionOptions {
  readonly scrub?: boolean
}

const HELP = `
--scrub: with --data of a service that does not run it is done here, else the service does it. Damaged artifacts are moved
to quarantine/ and are neither served nor activated; deploying the same bytes again mends them.

Examples:
  lacre doctor
  lacre doctor --scrub --data /var/lib/lacre

Exit codes of --scrub: 0 everything is as it should be, 6 something is damaged or missing, 4 the service is unreachable.`

export const command: CommandModule = {
  name: 'doctor',
  summary: 'what works on this machine and what is in force',
  configure(command: Command, terminal: Terminal, environment: Environment): void {
    withConnection(command)
      .option('--scrub', 'hash everything stored again, and verify the ledger and every row')
      .addHelpText('after', HELP)
      .action(async (options: DoctorOptions) => {
        if (options.scrub === true) return await scrub(options, terminal, environment)
        const machine = probeMachine(environment)
        const service = await askService(options, environment)
        const state = 'report' in service ? service.report : { unreachable: service.unreachable }
        terminal.result({ machine, service: state }, toText(machine, state))
      })
  },
}

/** By the service, or here where the directory's service does not run. */
async function scrub(
  options: DoctorOptions,
  terminal: Terminal,
  environment: Environment,
): Promise<void> {
  const { data } = options
  const progress = terminal.progress('scrubbing')
  const here =
    data === undefined
      ? undefined
      : await scrubStopped(data, progress).finally(() => progress.end())
  tellScrub(here ?? (await scrubRunning(connect(options, environment), terminal)), terminal)
}

/** What the machine offers, from here: files alone, nothing is started. */
function probeMachine(environment: Environment): JsonObject {
  return {
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    root: process.getuid?.() === 0,
    bubblewrap: inPath('bwrap', environment),
    setpriv: inPath('setpriv', environment),
    userNamespaces: readNumber('/proc/sys/user/max_user_namespaces') > 0,
    cgroups: existsSync('/sys/fs/cgroup/cgroup.controllers')
      ? 'v2'
      : existsSync('/sys/fs/cgroup/memory')
        ? 'v1'
        : 'none',
    cgroupsWritable: isWritable('/sys/fs/cgroup') || isWritable('/sys/fs/cgroup/memory'),
  }
}

/** A service that does not answer is a finding here, not a failure; one that refuses us is a failure. */
async function askService(
  options: ConnectionOptions,
  environment: Environment,
): Promise<{ readonly report: JsonObject } | { readonly unreachable: string }> {
  try {
    const service = connect(options, environment)
    return { report: await service.get('/api/v1/doctor') }
  } catch (error) {
    const silent =
      error instanceof PlatformError
        ? exitCodeOf(error.code) === EXIT.unreachable || error.code === 'CONFIGURATION'
        : error instanceof Error && 'code' in error
    if (!silent) throw error
    return { unreachable: (error as Error).message }
  }
}

function toText(machine: JsonObject, service: JsonObject): string {
  const rows = [...lines('machine', machine), ...lines('service', service)]
  return textTable(['what', 'found'], rows)
}

function lines(prefix: string, value: JsonObject): string[][] {
  return Object.entries(value).flatMap(([name, member]) => {
    const title = `${prefix}.${name}`
    if (isObject(member)) return lines(title, member)
    return [[title, shown(member)]]
  })
}

function shown(value: Json | undefined): string {
  if (Array.isArray(value))
    return value.length === 0 ? 'nothing' : value.map((item: Json) => shown(item)).join(', ')
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  return typeof value === 'string' ? value : JSON.stringify(value ?? null)
}

function inPath(program: string, environment: Environment): boolean {
  return (environment['PATH'] ?? '')
    .split(':')
    .some((folder) => folder !== '' && isExecutable(join(folder, program)))
}

function isExecutable(path: string): boolean {
  return isAccessible(path, constants.X_OK)
}

function isWritable(path: string): boolean {
  return isAccessible(path, constants.W_OK)
}

function isAccessible(path: string, mode: number): boolean {
  try {
    accessSync(path, mode)
    return true
  } catch {
    return false
  }
}

function readNumber(path: string): number {
  try {
    return Number(readFileSync(path, 'utf8').trim())
  } catch {
    return 0
  }
}
