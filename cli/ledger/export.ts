import { rmSync } from 'node:fs'
import { open } from 'node:fs/promises'

import { PlatformError, canonicalJson } from '../../services/model/index.ts'
import { moveIntoPlace, partialPath } from '../files.ts'
import { objects, text, type Service } from '../service/index.ts'
import { inline, type Terminal } from '../terminal.ts'

/** As many entries as the service gives at a time. */
const PAGE = 256

/** The checkpoint first: the entries that it is over are there, and what came later is left to the next export. */
export async function exportTo(path: string, service: Service, terminal: Terminal): Promise<void> {
  const checkpoint = await service.get('/api/v1/ledger/checkpoint')
  const size = Number(checkpoint['size'])
  const progress = terminal.progress('exporting')
  const partial = partialPath(path)
  const file = await open(partial, 'wx', 0o644)
  try {
    for (let from = 0; from < size;) {
      const page = { from: String(from), limit: String(Math.min(PAGE, size - from)) }
      const entries = objects(await service.get('/api/v1/ledger/entries', page), 'entries')
      if (entries.length === 0)
        throw new PlatformError('LEDGER_BROKEN', `the service has no entry ${from}`)
      for (const entry of entries) await file.write(`${text(entry, 'body')}\n`)
      from += entries.length
      progress.update(from, size)
    }
    await file.write(`${canonicalJson({ checkpoint: text(checkpoint, 'note') })}\n`)
    await file.sync()
    await file.close()
    moveIntoPlace(partial, path)
  } catch (cause) {
    await file.close()
    rmSync(partial, { force: true })
    throw cause
  } finally {
    progress.end()
  }
  const logKey = text(checkpoint, 'verifierKey')
  terminal.say(`keep the log's key outside: ${logKey}`)
  terminal.result({ file: path, entries: size, logKey }, `${inline(path)}: ${size} entries`)
}
