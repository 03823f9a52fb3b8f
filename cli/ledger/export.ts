import { rmSync } from 'node:fs'
import { open } from 'node:fs/promises'

import {
  CSV_HEADER,
  OCSF_VERSION,
  parseEntry,
  toCloudEvent,
  toCsv,
  toOcsf,
  type LedgerEntry,
} from '../../services/ledger/index.ts'
import { PlatformError, canonicalJson, parseIsoTime } from '../../services/model/index.ts'
import { moveIntoPlace, partialPath } from '../files.ts'
import { objects, text, type ConnectionOptions, type Service } from '../service/index.ts'
import { inline, type Terminal } from '../terminal.ts'

export interface LedgerExportOptions extends ConnectionOptions {
  readonly out: string
  readonly format: string
  readonly from?: string
  readonly to?: string
}

/** Forms of the audit for other systems; none of them can be verified, which `entries` is for. */
const FORMATS: Readonly<
  Record<string, { readonly head: string; line(entry: LedgerEntry): string }>
> = {
  jsonl: { head: '', line: (entry) => `${toCloudEvent(entry)}\n` },
  ocsf: { head: '', line: (entry) => `${toOcsf(entry)}\n` },
  csv: { head: CSV_HEADER, line: toCsv },
}

export const LEDGER_EXPORT_HELP = `
Formats: entries (the leaves, and the checkpoint over them: what \`ledger verify --file\` takes), jsonl (CloudEvents 1.0),
ocsf (OCSF ${OCSF_VERSION}), csv (RFC 4180).

Examples:
  lacre ledger export -o ledger.jsonl
  lacre ledger export --format ocsf --from 2026-05-01T00:00:00Z --to 2026-06-01T00:00:00Z -o may.ocsf.jsonl`

/** As many entries as the service gives at a time. */
const PAGE = 256
/** The checkpoint first: the entries that it is over are there, and what came later is left to the next export. */
export async function exportLedger(
  options: LedgerExportOptions,
  service: Service,
  terminal: Terminal,
): Promise<void> {
  const form = formOf(options)
  const checkpoint = await service.get('/api/v1/ledger/checkpoint')
  const size = Number(checkpoint['size'])
  const from = await firstSince(service, size, options.from, 'from')
  const end = options.to === undefined ? size : await firstSince(service, size, options.to, 'to')
  const progress = terminal.progress('exporting')
  const count = await writeWhole(options.out, async (write) => {
    let done = 0
    await write(form?.head ?? '')
    for await (const body of bodiesBetween(service, from, end)) {
      await write(form === undefined ? `${body}\n` : form.line(entryOf(body)))
      done += 1
      progress.update(done, end - from)
    }
    if (form === undefined)
      await write(`${canonicalJson({ checkpoint: text(checkpoint, 'note') })}\n`)
    return Math.max(0, end - from)
  }).finally(() => progress.end())
  const { out } = options
  if (form !== undefined)
    return terminal.result({ file: out, entries: count }, `${inline(out)}: ${count} entries`)
  const logKey = text(checkpoint, 'verifierKey')
  terminal.say(`keep the log's key outside: ${logKey}`)
  terminal.result({ file: out, entries: count, logKey }, `${inline(out)}: ${count} entries`)
}

/** `undefined` for the entries themselves. @throws PlatformError INVALID_PARAMETER */
function formOf({ format, from, to }: LedgerExportOptions) {
  if (format !== 'entries') {
    const form = Object.hasOwn(FORMATS, format) ? FORMATS[format] : undefined
    if (form !== undefined) return form
    throw new PlatformError(
      'INVALID_PARAMETER',
      `\`${format.slice(0, 40)}\` is no format: entries, ${Object.keys(FORMATS).join(', ')}`,
    )
  }
  if (from === undefined && to === undefined) return undefined
  throw new PlatformError(
    'INVALID_PARAMETER',
    'entries are exported whole, so that they verify: --from and --to want --format jsonl, ocsf or csv',
  )
}

/** Written beside its place and moved there: whole, or not at all. */
async function writeWhole<T>(
  path: string,
  work: (write: (text: string) => Promise<void>) => Promise<T>,
): Promise<T> {
  const partial = partialPath(path)
  const file = await open(partial, 'wx', 0o644)
  try {
    const done = await work(async (line) => {
      await file.write(line)
    })
    await file.sync()
    await file.close()
    moveIntoPlace(partial, path)
    return done
  } catch (cause) {
    await file.close()
    rmSync(partial, { force: true })
    throw cause
  }
}

async function* bodiesBetween(service: Service, from: number, end: number): AsyncGenerator<string> {
  for (let at = from; at < end;) {
    const page = { from: String(at), limit: String(Math.min(PAGE, end - at)) }
    const entries = objects(await service.get('/api/v1/ledger/entries', page), 'entries')
    if (entries.length === 0)
      throw new PlatformError('LEDGER_BROKEN', `the service has no entry ${at}`)
    for (const entry of entries) yield text(entry, 'body')
    at += entries.length
  }
}

function entryOf(body: string): LedgerEntry {
  const entry = parseEntry(body)
  if (entry !== undefined) return entry
  throw new PlatformError('LEDGER_BROKEN', 'the service has an entry that is none')
}

/** The first entry of that time or later; times never go back, so that halving finds it. */
async function firstSince(
  service: Service,
  size: number,
  time: string | undefined,
  name: string,
): Promise<number> {
  if (time === undefined) return 0
  const atMs = parseIsoTime(time)
  if (atMs === undefined)
    throw new PlatformError(
      'INVALID_PARAMETER',
      `--${name} is no time like 2026-05-03T14:00:00Z, with a zone`,
    )
  let [low, high] = [0, size]
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    for await (const body of bodiesBetween(service, middle, middle + 1)) {
      if (entryOf(body).at < atMs) low = middle + 1
      else high = middle
    }
  }
  return low
}
