import { Option, type Command } from 'commander'

import { PlatformError, systemClock, toIsoTime, type Clock } from '../../services/model/index.ts'
import type { CommandModule, Environment } from '../command.ts'
import {
  connect,
  instantOption,
  objects,
  sinceOption,
  splitQualifier,
  text,
  withConnection,
  type ConnectionOptions,
  type JsonObject,
  type Service,
} from '../service/index.ts'
import type { Terminal } from '../terminal.ts'

const PAGE = '1000'
/** How long the service holds a question that has no answer yet; it holds none longer than 20 s. */
const WAIT_MS = '15000'
/** Where it did not hold it. */
const PAUSE_MS = 1_000

interface LogsOptions extends ConnectionOptions {
  readonly since: string
  readonly until?: string
  readonly filter?: string
  readonly requestId?: string
  readonly last?: string
  readonly follow?: boolean
  readonly watch?: boolean
}

export const command: CommandModule = {
  name: 'logs',
  summary: 'what a function wrote; --follow shows more as it comes',
  configure(command: Command, terminal: Terminal, environment: Environment): void {
    withConnection(command)
      .argument('<name[:qualifier]>', 'the function, with an alias or a version')
      .option('--since <span|time>', 'from when on: 30s, 10m, 4h, 7d, or a time with a zone', '10m')
      .option('--until <time>', 'lines before then')
      .addOption(new Option('--last <lines>', 'the last ones, however old').conflicts('since'))
      .option('--filter <pattern>', 'a filter pattern of CloudWatch Logs: ERROR, "two words", -not')
      .option('--request-id <id>', 'what one invocation wrote, and what came of it')
      .option('--follow', 'wait for more, until interrupted')
      .option('--watch', 'the same from now on, without what was before')
      .addHelpText('after', HELP)
      .action(async (target: string, options: LogsOptions) => {
        const service = connect(options, environment)
        await show(service, queryOf(target, options, systemClock), {
          last: options.last,
          follow: options.follow === true || options.watch === true,
          terminal,
          clock: systemClock,
        })
      })
  },
}

const HELP = `
With --json every line is one JSON object: {time, message, level, requestId, version, stream}.

Examples:
  lacre logs checkout
  lacre logs checkout:prod --since 1h --filter '?ERROR ?"timed out"'
  lacre logs checkout:prod --last 100
  lacre logs checkout --follow --filter '{ $.level = "ERROR" }'
  lacre logs checkout --since 7d --request-id 4f1c2f5e-7a68-4a0e-9d4a-0a5f3d1c9b11 --json`

interface Asked {
  readonly path: string
  readonly query: Readonly<Record<string, string | undefined>>
}

function queryOf(target: string, options: LogsOptions, clock: Clock): Asked {
  const { name, qualifier } = splitQualifier(target)
  const { since, until, filter, requestId, watch, follow, last } = options
  if (until !== undefined && (follow === true || watch === true))
    throw new PlatformError('INVALID_PARAMETER', '--until and --follow exclude each other')
  const nowMs = clock.nowMs()
  const from =
    watch === true
      ? toIsoTime(nowMs)
      : last === undefined
        ? sinceOption('--since', since, nowMs)
        : undefined
  return {
    path: `/api/v1/functions/${encodeURIComponent(name)}/logs`,
    query: {
      qualifier,
      from,
      until: until === undefined ? undefined : instantOption('--until', until),
      filter,
      requestId,
      limit: PAGE,
    },
  }
}

async function show(
  service: Service,
  { path, query }: Asked,
  how: {
    readonly last: string | undefined
    readonly follow: boolean
    readonly terminal: Terminal
    readonly clock: Clock
  },
): Promise<void> {
  const { last, follow, terminal, clock } = how
  for (let after: string | undefined; ;) {
    const askedMs = clock.monotonicMs()
    const waitMs = follow ? WAIT_MS : undefined
    const isLast = after === undefined && last !== undefined
    const place = isLast ? { before: 'now', limit: last } : { after, waitMs }
    const page = await service.get(path, { ...query, ...place })
    const events = objects(page, 'events')
    for (const event of events) terminal.row({ ...event }, lineOf(event))
    after = text(page, 'after')
    if (isLast && !follow) return
    if (page['done'] !== true) continue
    if (!follow) return
    const wasHeld = events.length > 0 || clock.monotonicMs() - askedMs > PAUSE_MS
    if (!wasHeld) await clock.sleep(PAUSE_MS)
  }
}

/** Runtimes keep the lines of one record together by carriage returns: indented, so that none passes for another line. */
function lineOf(event: JsonObject): string {
  return `${text(event, 'time')} ${text(event, 'message').replaceAll(/\r+/g, '\n\t')}`
}
