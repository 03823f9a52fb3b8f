import type { Command } from 'commander'

import {
  PlatformError,
  isInForce,
  parseIsoTime,
  systemClock,
  type Clock,
  type Json,
} from '../../services/model/index.ts'
import type { CommandModule, Environment } from '../command.ts'
import {
  connect,
  isObject,
  objects,
  refuseWithoutAt,
  showLiveAt,
  text,
  textTable,
  withConnection,
  type ConnectionOptions,
  type JsonObject,
  type LiveAtOptions,
  type Service,
} from '../service/index.ts'
import { inline, type Terminal } from '../terminal.ts'

const HEADERS = [
  'function',
  'qualifier',
  'version',
  'share',
  'seals',
  'state',
  'decision',
  'since',
  'exception',
]

/** How often a watched set is asked for. */
const WATCH_MS = 2_000

interface LiveOptions extends ConnectionOptions, LiveAtOptions {
  readonly watch?: boolean
}

export const command: CommandModule = {
  name: 'live',
  summary: 'show what can be invoked, now or at a time',
  configure(command: Command, terminal: Terminal, environment: Environment): void {
    withConnection(command)
      .option('--at <time>', 'what could be invoked then; RFC 3339 with a zone: 2026-05-03T14:00Z')
      .option('--known-at <time>', 'as the records of that time say, not those of now')
      .option('--function <name>', 'of this function alone, with --at')
      .option('--alias <name>', 'of this alias (or version) of it alone, with --at')
      .option('--watch', 'then tell every change as it comes, until interrupted')
      .addHelpText(
        'after',
        `
Examples:
  lacre live
  lacre live --watch
  lacre live --at 2026-05-03T14:00Z --function shop
  lacre live --at 2026-05-03T14:00Z --known-at 2026-05-03T14:00Z --json`,
      )
      .action(async (options: LiveOptions) => {
        const service = connect(options, environment)
        const { at } = options
        if (at !== undefined && options.watch === true)
          throw new PlatformError('INVALID_PARAMETER', '--at and --watch exclude each other')
        if (at !== undefined) return await showLiveAt(service, terminal, { ...options, at })
        refuseWithoutAt(options)
        if (options.watch === true) return await watch(service, terminal, systemClock)
        const answer = await service.get('/api/v1/live')
        const rows = objects(answer, 'live')
        const atMs = parseIsoTime(text(answer, 'at')) ?? 0
        const cells = rows.map((row) => toCells(row, atMs))
        const table = textTable(HEADERS, cells, terminal.columns)
        terminal.result(answer as Json, rows.length === 0 ? 'nothing can be invoked' : table)
      })
  },
}

/** What is live, then a line to each row that comes, goes or becomes another; with --json an object to each. */
async function watch(service: Service, terminal: Terminal, clock: Clock): Promise<void> {
  for (let before = new Map<string, JsonObject>(); ; await clock.sleep(WATCH_MS)) {
    const answer = await service.get('/api/v1/live')
    const atMs = parseIsoTime(text(answer, 'at')) ?? 0
    const now = new Map(objects(answer, 'live').map((row) => [slotOf(row), row]))
    for (const { change, row } of changesBetween(before, now))
      terminal.row(
        { at: text(answer, 'at'), change, ...row } as Json,
        `${text(answer, 'at')} ${change.padEnd(7)}  ${inline(toCells(row, atMs).join('  ').trimEnd())}`,
      )
    before = now
  }
}

/** A name and a version in it: an alias with a weight has two. */
function slotOf(row: JsonObject): string {
  return JSON.stringify([row['functionName'], row['alias'], row['version']])
}

export type Slots = ReadonlyMap<string, JsonObject>

export function changesBetween(
  before: Slots,
  now: Slots,
): { readonly change: 'live' | 'changed' | 'gone'; readonly row: JsonObject }[] {
  const gone = [...before].filter(([slot]) => !now.has(slot))
  const others = [...now].filter(
    ([slot, row]) => JSON.stringify(before.get(slot)) !== JSON.stringify(row),
  )
  return [
    ...gone.map(([, row]) => ({ change: 'gone' as const, row })),
    ...others.map(([slot, row]) => ({
      change: before.has(slot) ? ('changed' as const) : ('live' as const),
      row,
    })),
  ]
}

function toCells(row: JsonObject, atMs: number): string[] {
  const publishers = row['publishers']
  const signers = Array.isArray(publishers) ? publishers.map(String).join(', ') : ''
  const verdict = text(row, 'verdict')
  return [
    text(row, 'functionName'),
    text(row, 'alias'),
    text(row, 'version'),
    `${Math.round(Number(row['weight'] ?? 1) * 1000) / 10} %`,
    signers === '' ? verdict : `${verdict}: ${signers}`,
    stateOf(row),
    text(row, 'decisionId'),
    text(row, 'from'),
    objects(row, 'breakGlass')
      .map((one) => redness(row, one, atMs))
      .join(', '),
  ]
}

/** How it stands, with the rules that it violates. */
function stateOf(row: JsonObject): string {
  const compliance = row['compliance']
  if (!isObject(compliance)) return ''
  const rules = [...new Set(objects(compliance, 'reasons').map((one) => text(one, 'rule')))]
  const until = compliance['until']
  const state = text(compliance, 'state')
  const told = typeof until === 'string' ? `${state} until ${until}` : state
  return rules.length === 0 ? told : `${told}: ${rules.join(', ')}`
}

/** Red for as long as nobody reviewed the exception, in force or over. */
function redness(row: JsonObject, exception: JsonObject, atMs: number): string {
  const instant = (name: string): number | null =>
    typeof exception[name] === 'string' ? (parseIsoTime(text(exception, name)) ?? null) : null
  const times = {
    grantedAtMs: instant('grantedAt'),
    untilMs: instant('until'),
    endedAtMs: instant('endedAt'),
  }
  const inForce = isInForce(times, atMs)
  const here = exception['release'] === row['release']
  if (inForce)
    return `${here ? 'RED: excepted' : 'RED: exception'} until ${text(exception, 'until')}`
  return `RED: ${text(exception, 'id')} not reviewed`
}
