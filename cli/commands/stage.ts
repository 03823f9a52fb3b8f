import { readFileSync } from 'node:fs'

import type { Command } from 'commander'

import {
  PlatformError,
  parseStrictJson,
  systemClock,
  toIsoTime,
} from '../../services/model/index.ts'
import type { CommandModule, Environment } from '../command.ts'
import {
  connect,
  explained,
  isObject,
  narrate,
  withConnection,
  type ConnectionOptions,
  type JsonObject,
} from '../service/index.ts'
import { inline, type Terminal } from '../terminal.ts'
import { stageTable } from '../stage-table.ts'

const HOUR_MS = 3_600_000

/** One change of the governance API, and what is said of it. */
interface Change {
  readonly method: 'POST' | 'PUT'
  readonly path: string
  readonly body?: JsonObject
  readonly what: string
}

export const command: CommandModule = {
  name: 'stage',
  summary: 'freezes, freeze windows, promotion, floors, reach and egress of functions and aliases',
  configure(command: Command, terminal: Terminal, environment: Environment): void {
    const change = async (options: ConnectionOptions, { what, ...call }: Change): Promise<void> => {
      const service = connect(options, environment)
      await explained(service, terminal, async () => {
        const { body, decisionId } = await service.change(call.method, call.path, call.body)
        await narrate(service, terminal, { what, id: decisionId })
        terminal.result({ ...body, decision: decisionId ?? null }, what)
      })
    }
    withConnection(command.command('show'))
      .description('all that governs stages, as it stands now')
      .action(async (options: ConnectionOptions) => {
        const answer = await connect(options, environment).get('/api/v1/stages')
        terminal.result({ ...answer }, stageTable(answer, terminal.columns))
      })
    addFreezes(command, change)
    addWindows(command, change)
    addPromotion(command, change)
    addFloors(command, change)
    addReach(command, change)
    addEgress(command, { terminal, environment, change })
  },
}

type Changing = (options: ConnectionOptions, change: Change) => Promise<void>

function addFreezes(command: Command, change: Changing): void {
  withConnection(command.command('freeze'))
    .description('nothing of FUNCTION or FUNCTION:ALIAS changes until it is lifted, but by leaving')
    .argument('<place>', 'FUNCTION or FUNCTION:ALIAS')
    .requiredOption('--reason <text>', 'why, for whoever is refused')
    .action(async (place: string, options: ConnectionOptions & { readonly reason: string }) => {
      const path = `/api/v1/freezes/${encodeURIComponent(place)}`
      const what = `${inline(place)} is frozen`
      await change(options, { method: 'PUT', path, body: { reason: options.reason }, what })
    })
  withConnection(command.command('unfreeze'))
    .description('lift a freeze')
    .argument('<place>', 'FUNCTION or FUNCTION:ALIAS')
    .action(async (place: string, options: ConnectionOptions) => {
      const path = `/api/v1/freezes/${encodeURIComponent(place)}/lift`
      await change(options, { method: 'POST', path, what: `${inline(place)} is not frozen` })
    })
}

function addWindows(command: Command, change: Changing): void {
  withConnection(command.command('window'))
    .description('times at which nothing in a scope changes, from a JSON file (docs/stages.md)')
    .argument('<name>', 'of the window')
    .requiredOption('--file <file>', '{ "timeZone", "scope", "ranges", "holidays" }')
    .action(async (name: string, options: ConnectionOptions & { readonly file: string }) => {
      const body = readJson(options.file)
      const path = `/api/v1/freeze-windows/${encodeURIComponent(name)}`
      await change(options, { method: 'PUT', path, body, what: `window ${inline(name)} is set` })
    })
  withConnection(command.command('remove-window'))
    .description('remove a freeze window')
    .argument('<name>', 'of the window')
    .action(async (name: string, options: ConnectionOptions) => {
      const path = `/api/v1/freeze-windows/${encodeURIComponent(name)}/remove`
      await change(options, { method: 'POST', path, what: `window ${inline(name)} is removed` })
    })
}

function addPromotion(command: Command, change: Changing): void {
  interface Options extends ConnectionOptions {
    readonly from: string
    readonly hours: string
    readonly endedWithinHours?: string
  }
  withConnection(command.command('promotion'))
    .description('an alias takes what was wholly live in another one for so many hours')
    .argument('<place>', 'FUNCTION:ALIAS, * within the function')
    .requiredOption('--from <alias>', 'where it soaks')
    .requiredOption('--hours <count>', 'without a break')
    .option('--ended-within-hours <count>', 'how long ago it may have ended; no bound if not given')
    .action(async (place: string, options: Options) => {
      const body = {
        from: options.from,
        soakMs: hours(options.hours),
        endedWithinMs:
          options.endedWithinHours === undefined ? null : hours(options.endedWithinHours),
      }
      const path = `/api/v1/promotion-rules/${encodeURIComponent(place)}`
      const what = `${inline(place)} waits ${inline(options.hours)} h in ${inline(options.from)}`
      await change(options, { method: 'PUT', path, body, what })
    })
  withConnection(command.command('remove-promotion'))
    .description('remove a promotion rule')
    .argument('<place>', 'FUNCTION:ALIAS as the rule has it')
    .action(async (place: string, options: ConnectionOptions) => {
      const path = `/api/v1/promotion-rules/${encodeURIComponent(place)}/remove`
      await change(options, { method: 'POST', path, what: `${inline(place)} waits for nothing` })
    })
}

function addFloors(command: Command, change: Changing): void {
  interface Options extends ConnectionOptions {
    readonly soakHours: string
    readonly publisher?: string
    readonly counter?: string
  }
  withConnection(command.command('floor'))
    .description('an alias refuses release counters below its last known good')
    .argument('<place>', 'FUNCTION:ALIAS')
    .requiredOption('--soak-hours <count>', 'wholly live for so long, the floor rises to a release')
    .option('--publisher <name>', 'raise it now, for this publisher')
    .option('--counter <number>', 'to this counter')
    .action(async (place: string, options: Options) => {
      const { publisher, counter } = options
      if ((publisher === undefined) !== (counter === undefined))
        throw usage('--publisher and --counter go together')
      const raise = publisher === undefined ? {} : { raise: { publisher, counter: counter ?? '' } }
      const body = { soakMs: hours(options.soakHours), ...raise }
      await change(options, {
        method: 'PUT',
        path: floorPath(place),
        body,
        what: `${inline(place)} has a floor`,
      })
    })
  withConnection(command.command('remove-floor'))
    .description('an alias takes any counter again')
    .argument('<place>', 'FUNCTION:ALIAS')
    .action(async (place: string, options: ConnectionOptions) => {
      const what = `${inline(place)} has no floor`
      await change(options, { method: 'POST', path: `${floorPath(place)}/remove`, what })
    })
  withConnection(command.command('except'))
    .description('let the release of one version below the floor, for a true rollback')
    .argument('<place>', 'FUNCTION:ALIAS')
    .requiredOption('--version-number <number>', 'the version')
    .requiredOption('--reason <text>', 'why')
    .option('--hours <count>', 'until it expires, at most 168', '4')
    .action(async (place: string, options: ExceptOptions) => {
      const { versionNumber: version, reason } = options
      const expiresAt = toIsoTime(systemClock.nowMs() + hours(options.hours))
      await change(options, {
        method: 'POST',
        path: `${floorPath(place)}/exceptions`,
        body: { version, reason, expiresAt },
        what: `version ${inline(version)} may go below the floor of ${inline(place)} until ${expiresAt}`,
      })
    })
}

interface ExceptOptions extends ConnectionOptions {
  readonly versionNumber: string
  readonly reason: string
  readonly hours: string
}

function addReach(command: Command, change: Changing): void {
  interface Options extends ConnectionOptions {
    readonly all?: true
    readonly aliases?: true
    readonly direct?: readonly string[]
  }
  withConnection(command.command('reach'))
    .description('whether versions and $LATEST of a function are invoked by their own name')
    .argument('<function>', 'its name; it need not be there yet')
    .option('--all', 'as on AWS')
    .option('--aliases', 'by aliases alone')
    .option('--direct <target...>', 'under --aliases: versions or $LATEST that stay open')
    .action(async (name: string, options: Options) => {
      if (options.all === options.aliases) throw usage('reach wants --all or --aliases')
      const mode = options.all === true ? 'all' : 'aliases'
      const body = { mode, direct: [...(options.direct ?? [])] }
      const path = `/api/v1/functions/${encodeURIComponent(name)}/reach`
      await change(options, { method: 'PUT', path, body, what: `${inline(name)}: ${mode}` })
    })
}

interface EgressOptions extends ConnectionOptions {
  readonly allow?: readonly string[]
  readonly none?: true
  readonly of?: string
}

/** Shows the list where nothing is to be set. */
function addEgress(
  command: Command,
  with_: {
    readonly terminal: Terminal
    readonly environment: Environment
    readonly change: Changing
  },
): void {
  const { terminal, environment, change } = with_
  withConnection(command.command('egress'))
    .description('the hosts that a function may connect to: shows them, or sets those of $LATEST')
    .argument('<function>', 'its name')
    .option('--allow <host:port...>', 'these alone: api.example.com:443, *.example.com:443')
    .option('--none', 'none')
    .option('--of <qualifier>', 'show those of a version or alias')
    .action(async (name: string, options: EgressOptions) => {
      const { allow, none, of } = options
      const path = `/api/v1/functions/${encodeURIComponent(name)}/egress`
      if ([allow, none, of].filter((one) => one !== undefined).length > 1)
        throw usage('egress wants one of --allow, --none and --of')
      if (allow !== undefined || none === true) {
        const body = { allow: [...(allow ?? [])] }
        const what = `${inline(name)} may connect to ${inline(body.allow.join(', ') || 'nothing')}`
        return await change(options, { method: 'PUT', path, body, what })
      }
      const asked = of === undefined ? {} : { qualifier: of }
      const answer = await connect(options, environment).get(path, asked)
      const hosts = Array.isArray(answer['allow']) ? answer['allow'].map(String) : []
      const unopened = answer['opened'] === false ? '\nnone of it is opened by this service' : ''
      terminal.result(
        { ...answer },
        `${hosts.map((host) => inline(host)).join('\n') || 'nothing'}${unopened}`,
      )
    })
}

function floorPath(place: string): string {
  const [name, alias, more] = place.split(':')
  if (name === undefined || alias === undefined || more !== undefined)
    throw usage(`\`${place}\` is no FUNCTION:ALIAS`)
  return `/api/v1/floors/${encodeURIComponent(name)}/${encodeURIComponent(alias)}`
}

function hours(text: string): number {
  if (/^(?:\d{1,4}|\d{1,4}\.\d{1,2})$/.test(text)) return Math.round(Number(text) * HOUR_MS)
  throw usage(`\`${text}\` is no number of hours`)
}

function readJson(file: string): JsonObject {
  const value = parseStrictJson(readFileSync(file))
  if (isObject(value)) return value
  throw usage(`\`${file}\` is no JSON object`)
}

function usage(message: string): PlatformError {
  return new PlatformError('INVALID_PARAMETER', message)
}
