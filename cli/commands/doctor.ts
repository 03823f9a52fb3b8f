import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'

import type { Command } from 'commander'

import type { Json } from '../../services/model/index.ts'
import type { CommandModule, Environment } from '../command.ts'
import { askService, checkDisk, checkKeys, checkVersions, type Check } from '../doctor/index.ts'
import { EXIT } from '../exit-codes.ts'
import {
  connect,
  isObject,
  textTable,
  withConnection,
  type ConnectionOptions,
  type JsonObject,
} from '../service/index.ts'
import { scrubRunning, tellScrub } from '../scrub.ts'
import { inline, type Terminal } from '../terminal.ts'
import { checkIsolation } from './doctor-offline.ts'
import { scrubStopped } from './scrub-offline.ts'

interface DoctorOptions extends ConnectionOptions {
  readonly scrub?: boolean
}

const HELP = `
Looked at: versions, isolation (a sandbox is started and held to its limits), disk and keys of --data, and of a service
that answers its clock, TLS, and what is in force. A warning is what a service is worse without.

--scrub: with --data of a service that does not run it is done here, else the service does it. Damaged artifacts are moved
to quarantine/ and are neither served nor activated; deploying the same bytes again mends them.

Examples:
  lacre doctor
  lacre doctor --data /var/lib/lacre --json
  lacre doctor --scrub --data /var/lib/lacre

Exit codes: 0 nothing failed, 3 something that a service cannot do without failed, 4 the service that was named does not
answer. Of --scrub: 0 everything is as it should be, 6 something is damaged or missing, 4 the service is unreachable.`

export const command: CommandModule = {
  name: 'doctor',
  summary: 'what works on this machine and what is in force',
  configure(command: Command, terminal: Terminal, environment: Environment): void {
    withConnection(command)
      .option('--scrub', 'hash everything stored again, and verify the ledger and every row')
      .addHelpText('after', HELP)
      .action(async (options: DoctorOptions) => {
        if (options.scrub === true) return await scrub(options, terminal, environment)
        await examine(options, terminal, environment)
      })
  },
}

async function examine(
  options: DoctorOptions,
  terminal: Terminal,
  environment: Environment,
): Promise<void> {
  const { data } = options
  const service = await askService(options, environment)
  const directory = data !== undefined && existsSync(data) ? data : undefined
  const checks = [
    ...checkVersions(),
    ...(await checkIsolation()),
    checkDisk(directory ?? tmpdir()),
    ...(directory === undefined ? [] : checkKeys(directory)),
    ...service.checks,
  ]
  const state = service.kind === 'answers' ? service.report : { unreachable: service.why }
  const machine = { node: process.version, root: process.getuid?.() === 0 }
  terminal.result(
    { checks: checks.map((check) => ({ ...check })), machine, service: state },
    `${checkTable(checks)}\n\n${textTable(['in force', 'found'], lines('service', state), undefined)}`,
  )
  const isNamed = data ?? options.endpoint ?? environment['AWS_ENDPOINT_URL']
  if (checks.some(({ status }) => status === 'failed')) terminal.exitWith(EXIT.failed)
  else if (service.kind === 'silent' && isNamed !== undefined) terminal.exitWith(EXIT.unreachable)
}

/** What is to be done stands under what it is about; it is there to be copied. */
function checkTable(checks: readonly Check[]): string {
  const cells = checks.map(({ name, status, found }) => [name, status, found])
  const [head = '', ...rows] = textTable(['what', 'state', 'found'], cells, undefined).split('\n')
  const told = rows.flatMap((row, at) => {
    const fix = checks[at]?.fix
    return fix === undefined ? [row] : [row, `  next: ${inline(fix)}`]
  })
  return [head, ...told].join('\n')
}

/** By the service, or here where the directory's service does not run. */
async function scrub(
  options: DoctorOptions,
  terminal: Terminal,
  environment: Environment,
): Promise<void> {
  const { data } = options
  const progress = terminal.progress('scrubbing', 'bytes')
  const here =
    data === undefined
      ? undefined
      : await scrubStopped(data, progress).finally(() => progress.end())
  tellScrub(here ?? (await scrubRunning(connect(options, environment), terminal)), terminal)
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
