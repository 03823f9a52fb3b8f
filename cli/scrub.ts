import { PlatformError, systemClock, type Json } from '../services/model/index.ts'
import { EXIT } from './exit-codes.ts'
import { isObject, type JsonObject, type Service } from './service/index.ts'
import { inline, type Terminal } from './terminal.ts'

const POLL_MS = 300

/** Lets a running service scrub, and answers what it found. */
export async function scrubRunning(service: Service, terminal: Terminal): Promise<JsonObject> {
  const progress = terminal.progress('scrubbing', 'bytes')
  try {
    let { body: state } = await service.change('POST', '/api/v1/scrub')
    while (isObject(state['running'])) {
      const { doneBytes, totalBytes } = state['running']
      progress.update(Number(doneBytes), Number(totalBytes))
      await systemClock.sleep(POLL_MS)
      state = await service.get('/api/v1/scrub')
    }
    const { last, failure } = state
    if (failure !== null || !isObject(last))
      throw new PlatformError('UNAVAILABLE', `the scrub did not end: ${show(failure)}`)
    return last
  } finally {
    progress.end()
  }
}

/** Shows what a scrub found; the exit code says whether that was damage. */
export function tellScrub(report: JsonObject, terminal: Terminal): void {
  const { ledger, blobs } = report
  const [entries, found] = isObject(ledger) ? [ledger['size'], ledger['findingCount']] : [0, 0]
  const findings = isObject(ledger) ? textsOf(ledger['findings']) : []
  const [checked, bytes] = isObject(blobs) ? [blobs['checked'], blobs['bytes']] : [0, 0]
  const parts = ['damaged', 'missing', 'unreadable', 'prepared'] as const
  const wrong = Number(found) + parts.reduce((sum, name) => sum + textsOf(report[name]).length, 0)
  const lines = [
    `scrub       ${wrong === 0 ? 'everything is as it should be' : 'DAMAGED'}`,
    `blobs       ${show(checked)} hashed again, ${show(bytes)} bytes`,
    `ledger      ${show(entries)} entries, every governed row compared`,
    ...textsOf(report['damaged']).map((digest) => `damaged     ${digest}, moved to quarantine/`),
    ...textsOf(report['missing']).map(
      (digest) => `missing     ${digest}: deploy the same bytes again`,
    ),
    ...textsOf(report['unreadable']).map(
      (what) => `unreadable  ${inline(what)}: left where it is; look at the disk`,
    ),
    ...textsOf(report['prepared']).map((digest) => `changed     the prepared tree of ${digest}`),
    ...textsOf(report['foreign']).map((path) => `foreign     blobs/${inline(path)} is no blob`),
    ...findings.map((message) => `ledger      ${inline(message)}`),
  ]
  terminal.result(report, lines.join('\n'))
  if (wrong > 0) terminal.exitWith(EXIT.damaged)
}

/** Texts of a list in an answer. */
export function textsOf(value: Json | undefined): string[] {
  return Array.isArray(value) ? value.map((item: Json) => show(item)) : []
}

function show(value: Json | undefined): string {
  return typeof value === 'string' ? value : JSON.stringify(value ?? null)
}
