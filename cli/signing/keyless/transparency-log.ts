import { PlatformError, type Json } from '../../../services/model/index.ts'
import type { Witness } from '../signer.ts'
import { below, exchange, exchangeJson, failed, refusedWith, toJsonObject } from './exchange.ts'
import { readRekorV1, readRekorV2 } from './log-answers.ts'
import { checkBinding, type MadeStatement } from './log-binding.ts'
import { checkProof, toBundleEntry, type LoggedEntry } from './log-entry.ts'
import { rekorV1Request, rekorV2Request, type EntryType } from './log-requests.ts'

/** One log, and how it is spoken to. */
export interface TransparencyLog {
  readonly url: URL
  readonly apiVersion: 1 | 2
}

const JSON_TYPE = { 'content-type': 'application/json' }

/**
 * Enters signatures in these logs. An answer is taken only if the entry is about this very signature and its proof
 * holds; whether the log's key is one to trust, the trusted root says.
 */
export function logWitness(logs: readonly TransparencyLog[], type: EntryType): Witness {
  return async (made) => {
    const { payload } = made
    if (payload === undefined)
      throw new PlatformError(
        'INVALID_PARAMETER',
        'a CMS cannot hold log entries: use --format bundle',
      )
    const logEntries: Json[] = []
    for (const log of logs) logEntries.push(await enter(log, type, { ...made, payload }))
    return { timestamps: [], logEntries }
  }
}

async function enter(log: TransparencyLog, type: EntryType, made: MadeStatement): Promise<Json> {
  const entry =
    log.apiVersion === 1 ? await enterV1(log, type, made) : await enterV2(log, type, made)
  checkBinding(entry.body, made)
  checkProof(entry)
  return toBundleEntry(entry)
}

/** 409 means that it stands there already, as it does for a second run with a key whose signatures repeat. */
async function enterV1(
  { url }: TransparencyLog,
  type: EntryType,
  made: MadeStatement,
): Promise<LoggedEntry> {
  const what = nameOf(url)
  const body = JSON.stringify(rekorV1Request(type, made))
  const answer = await exchange({
    what,
    url: below(url, '/api/v1/log/entries'),
    headers: JSON_TYPE,
    body,
  })
  if (answer.status === 409) {
    const [, id] = /\/api\/v1\/log\/entries\/([0-9a-f]{64,80})$/.exec(answer.location ?? '') ?? []
    if (id === undefined) throw failed(`${what} has the entry already and does not say where`)
    return readRekorV1(await exchangeJson({ what, url: below(url, `/api/v1/log/entries/${id}`) }))
  }
  if (answer.status !== 201 && answer.status !== 200) throw refusedWith(what, answer)
  return readRekorV1(toJsonObject(answer, what))
}

async function enterV2(
  { url }: TransparencyLog,
  type: EntryType,
  made: MadeStatement,
): Promise<LoggedEntry> {
  const answer = await exchangeJson({
    what: nameOf(url),
    url: below(url, '/api/v2/log/entries'),
    headers: JSON_TYPE,
    body: JSON.stringify(rekorV2Request(type, made)),
  })
  return readRekorV2(answer)
}

function nameOf(url: URL): string {
  return `the log \`${url.origin}\``
}
