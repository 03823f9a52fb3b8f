import { createReadStream, existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

import { openArtifact } from '../../../services/artifact/index.ts'
import { PlatformError, bufferSource } from '../../../services/model/index.ts'
import type { Corpus, CorpusResult, WrongRow } from '../corpus.ts'

/** One archive of the corpus, as far as we look at it. */
export interface ZipRow {
  readonly id: string
  readonly b64: string
  readonly expect: 'accept' | 'reject' | 'policy' | 'no-crash' | 'single-view'
  readonly views?: { readonly distinct_views: number } | null
}

/** What opening a row gave: accepted, or refused with the rule; anything else is a crash. */
export type ZipOutcome =
  { readonly kind: 'accepted' } | { readonly kind: 'refused'; readonly rule: string }

const ZIP_FILES = ['fetched/zips.jsonl', 'own/zips.jsonl', 'own/bombs.jsonl']
const TIME_LIMIT_MS = 2_000

/** Opens one archive as the service does. */
export async function openRow(bytes: Uint8Array): Promise<ZipOutcome> {
  try {
    await openArtifact(bufferSource(bytes))
    return { kind: 'accepted' }
  } catch (error) {
    if (error instanceof PlatformError && error.code === 'INVALID_ARTIFACT')
      return { kind: 'refused', rule: String(error.detail['rule']) }
    throw error
  }
}

/** What the row demands; `any` where both answers are right (the answer still has to be one). */
export function demanded(row: ZipRow): 'accepted' | 'refused' | 'any' {
  if (row.expect === 'accept') return 'accepted'
  if (row.expect === 'reject') return 'refused'
  if (row.expect === 'single-view' && (row.views?.distinct_views ?? 0) > 1) return 'refused'
  return 'any'
}

/** Runs rows through `openOne`; an untyped error or more than two seconds is wrong whatever the row demands. */
export async function runZipCorpus(
  rows: AsyncIterable<ZipRow> | Iterable<ZipRow>,
  openOne: (bytes: Uint8Array) => Promise<ZipOutcome> = openRow,
): Promise<CorpusResult> {
  const wrong: WrongRow[] = []
  let right = 0
  for await (const row of rows) {
    const expected = demanded(row)
    const started = performance.now()
    const got = await openOne(Buffer.from(row.b64, 'base64')).then(
      (outcome) => outcome.kind as string,
      (error: unknown) => `crash: ${String(error)}`,
    )
    const tookMs = performance.now() - started
    if (got.startsWith('crash') || (expected !== 'any' && got !== expected))
      wrong.push({ id: row.id, expected, got })
    else if (tookMs > TIME_LIMIT_MS)
      wrong.push({ id: row.id, expected: `an answer in ${TIME_LIMIT_MS} ms`, got: `${tookMs} ms` })
    else right += 1
  }
  return { right, wrong, notApplicable: 0 }
}

/** The rows of all files of the corpus, one at a time. */
export async function* zipRows(root: string): AsyncGenerator<ZipRow> {
  for (const file of ZIP_FILES) {
    const path = join(root, 'zip', file)
    if (!existsSync(path)) continue
    const lines = createInterface({ input: createReadStream(path), crlfDelay: Infinity })
    for await (const line of lines) if (line !== '') yield JSON.parse(line) as ZipRow
  }
}

export const corpus: Corpus = {
  name: 'zip',
  async run(root, report) {
    const result = await runZipCorpus(zipRows(root))
    for (const { id, expected, got } of result.wrong)
      report(`${id}: expected ${expected}, got ${got}`)
    return result
  },
}
