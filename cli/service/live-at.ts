import { PlatformError, type Json } from '../../services/model/index.ts'
import type { Terminal } from '../terminal.ts'
import { decided, place, seals, share } from './history-words.ts'
import { instantOption } from './instants.ts'
import { everyPage } from './pages.ts'
import { isObject, objects, text, type JsonObject, type Service } from './service.ts'
import { textTable } from './text-table.ts'

export interface LiveAtOptions {
  readonly at?: string
  readonly knownAt?: string
  readonly function?: string
  readonly alias?: string
}

const HEADERS = ['function', 'qualifier', 'version', 'share', 'seals', 'decision', 'policy', 'since', 'remarks'] // prettier-ignore

/** What could be invoked at a time, as the records of that or of a later time say. @throws PlatformError INVALID_PARAMETER */
export async function showLiveAt(
  service: Service,
  terminal: Terminal,
  options: LiveAtOptions & { readonly at: string },
): Promise<void> {
  const { function: functionName, alias, knownAt } = options
  const { answer, items } = await everyPage(service, '/api/v1/history/live', {
    query: {
      at: instantOption('--at', options.at),
      knownAt: knownAt === undefined ? undefined : instantOption('--known-at', knownAt),
      functionName,
      alias,
    },
    list: 'live',
    keep: ['knownAt'],
  })
  terminal.result(answer as Json, liveText(answer, items, terminal.columns))
}

/** @throws PlatformError INVALID_PARAMETER where an option stands without the time that it belongs to */
export function refuseWithoutAt({ knownAt, function: functionName, alias }: LiveAtOptions): void {
  const [name] = Object.entries({ '--known-at': knownAt, '--function': functionName, '--alias': alias }).find(([, value]) => value !== undefined) ?? [] // prettier-ignore
  if (name !== undefined)
    throw new PlatformError('INVALID_PARAMETER', `${name} goes with --at: say for which time`)
}

function liveText(
  answer: JsonObject,
  rows: readonly JsonObject[],
  columns: number | undefined,
): string {
  const { policySets } = answer
  const admission = isObject(policySets) ? policySets['admission'] : null
  const inForce = isObject(admission)
    ? `admission set ${text(admission, 'name')}, version ${Number(admission['version'])}`
    : 'no admission set was in force'
  const head = `at ${text(answer, 'at')}, as known at ${text(answer, 'knownAt')}; ${inForce}`
  if (rows.length === 0) return `${head}\nnothing could be invoked`
  return `${head}\n${textTable(HEADERS, rows.map(toCells), columns)}`
}

function toCells(row: JsonObject): string[] {
  const { decision } = row
  const policySet = isObject(decision) ? decision['policySet'] : undefined
  return [
    text(row, 'functionName'),
    place(row),
    text(row, 'version'),
    share(row),
    seals(row),
    decided(decision),
    isObject(policySet) ? text(policySet, 'version') : '-',
    text(row, 'from'),
    [...revocations(row), ...exceptions(row)].join('; '),
  ]
}

/** What reaches back is said apart: it was not known then. */
function revocations(row: JsonObject): string[] {
  if (!Array.isArray(row['revocations'])) return []
  return objects(row, 'revocations').map((one) => {
    const what = `${text(one, 'targetKind')} revoked from ${text(one, 'effectiveAt')}`
    return one['knownThen'] === true
      ? what
      : `${what}, not known then: recorded ${text(one, 'recordedAt')}`
  })
}

function exceptions(row: JsonObject): string[] {
  return objects(row, 'exceptions').map((one) => `excepted by ${text(one, 'id')}`)
}
