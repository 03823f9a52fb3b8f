import { toIsoTime, type Json, type SealLogEntry } from '../../model/index.ts'
import type { VerificationCache } from '../cache.ts'
import { wrongSeal } from '../findings.ts'
import { checkBody, type Logged } from './log-body.ts'
import { parseLogEntry, type LogEntry } from './log-entry.ts'
import { checkInclusion, checkPromise } from './log-proof.ts'
import { isWithin, type KnownLog, type TrustedRoot } from './trusted-root.ts'

/** What the logs of one trusted root say of a seal. */
export interface LogWitness {
  readonly entries: readonly SealLogEntry[]
  readonly unchecked: readonly string[]
  /** Instants after which an entry of no known time begins or ceases to count. */
  readonly changesAtMs: readonly number[]
}

/**
 * Each entry of a log that the trusted root knows must hold in full; one of another log is named and says nothing.
 * `timesMs`: instants at which a log that gives no time of its own must have been in its window. With none, such an entry
 * is of no known time: it counts while its log is in its window, and is named as unchecked from then on.
 * @throws PlatformError INVALID_SEAL
 */
export function findLogEntries(
  values: readonly Json[],
  logged: Logged,
  facts: {
    readonly root: TrustedRoot | undefined
    readonly timesMs: readonly number[]
    readonly atMs: number
    readonly cache: VerificationCache
  },
): LogWitness {
  const { root } = facts
  if (root === undefined) {
    const remark = 'a transparency-log entry: no publisher has a log key'
    return { entries: [], unchecked: values.map(() => remark), changesAtMs: [] }
  }
  const entries: SealLogEntry[] = []
  const unchecked: string[] = []
  const changesAtMs: number[] = []
  for (const value of values) {
    const entry = parseLogEntry(value)
    const log = findLog(entry, root)
    if (log === undefined) {
      unchecked.push(`a transparency-log entry of the unknown log ${entry.logId}`)
      continue
    }
    const found = checkEntry(entry, log, logged, facts)
    const { fromMs, untilMs } = log.window
    if (found.integratedTimeMs !== undefined || facts.timesMs.length > 0) entries.push(found)
    else {
      changesAtMs.push(fromMs - 1, ...(untilMs === undefined ? [] : [untilMs]))
      if (isWithin(log.window, facts.atMs)) entries.push(found)
      else
        unchecked.push(`an entry of no known time in the log \`${log.baseUrl}\`, which has ended`)
    }
  }
  return { entries, unchecked, changesAtMs }
}

/** One log may stand there with several keys' windows; the one that fits is asked first. */
function findLog(entry: LogEntry, root: TrustedRoot): KnownLog | undefined {
  const logs = root.logs.filter(({ id }) => id === entry.logId)
  const atMs = (entry.integratedTime ?? 0) * 1_000
  return logs.find(({ window }) => isWithin(window, atMs)) ?? logs[0]
}

function checkEntry(
  entry: LogEntry,
  log: KnownLog,
  logged: Logged,
  { timesMs, cache }: { readonly timesMs: readonly number[]; readonly cache: VerificationCache },
): SealLogEntry {
  const { proof, promise, integratedTime } = entry
  const included = proof?.checkpoint !== undefined
  const integratedTimeMs =
    promise === undefined || integratedTime === undefined ? undefined : integratedTime * 1_000
  const promised = integratedTimeMs !== undefined
  if (!included && !promised)
    throw wrongSeal('log-proof-missing', {
      expected: `a proof or a promise of the log \`${log.baseUrl}\``,
      got: 'the log entry has neither an inclusion proof with a checkpoint nor a promise',
    })
  checkBody(entry, logged)
  if (proof !== undefined) checkInclusion(entry.body, proof, log, cache)
  checkPromise(entry, log, cache)
  checkWindow(log, integratedTimeMs === undefined ? timesMs : [integratedTimeMs])
  return {
    logId: log.id,
    baseUrl: log.baseUrl,
    index: entry.index,
    kind: `${entry.kind} ${entry.version}`,
    ...(integratedTimeMs !== undefined && { integratedTimeMs }),
    proof: included ? (promised ? 'inclusion and promise' : 'inclusion') : 'promise',
  }
}

function checkWindow({ window, baseUrl }: KnownLog, timesMs: readonly number[]): void {
  const outside = timesMs.find((atMs) => !isWithin(window, atMs))
  if (outside === undefined) return
  const until = window.untilMs === undefined ? '' : ` to ${toIsoTime(window.untilMs)}`
  throw wrongSeal('log-window', {
    expected: `an entry made while the key of the log \`${baseUrl}\` was good: ${toIsoTime(window.fromMs)}${until}`,
    got: `one of ${toIsoTime(outside)}`,
  })
}
