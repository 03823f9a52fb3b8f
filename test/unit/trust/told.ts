import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'

import {
  PlatformError,
  type Artifact,
  type SealFinding,
  type SubjectAttestations,
  type TrustedPublisher,
  type Verdict,
} from '../../../services/model/index.ts'
import { AT_MS, judgeZip as judge } from '../../support/pki.ts'
import { withoutEngineWords } from '../../support/words.ts'

const WORDS = readList('told.words.json')
const VERDICTS = readList('told.verdicts.json')
const ATTESTED = readList('told.attested.json')
const YEAR_2001_MS = 1e12

/**
 * As `judgeZip`; every finding it tells is one of `told.words.json`, word for word, and what the verdict holds beside
 * them is one of `told.verdicts.json`.
 */
export function judgeZip(
  artifact: Artifact,
  publishers: readonly TrustedPublisher[],
  spec: Parameters<typeof judge>[2] = {},
): Verdict {
  const verdict = judge(artifact, publishers, spec)
  assertTold([...verdict.findings, ...verdict.seals.flatMap((seal) => seal.findings)])
  assertWritten(VERDICTS, shapeOf(verdict))
  return verdict
}

/** Holds findings to what is written down. */
export function assertTold(findings: readonly SealFinding[]): void {
  for (const finding of findings) assertWritten(WORDS, wordsOf(finding))
}

/** Calls and gives on what is thrown; a refusal has to be one that is written down. */
export function saying<T>(call: () => T): () => T {
  return () => {
    try {
      return call()
    } catch (error) {
      if (error instanceof PlatformError) assertWritten(WORDS, refusalOf(error))
      throw error
    }
  }
}

interface List {
  readonly file: URL
  readonly known: Set<string>
}

function readList(name: string): List {
  const file = new URL(name, import.meta.url)
  return { file, known: new Set(JSON.parse(readFileSync(file, 'utf8')) as string[]) }
}

/**
 * Names, times and digests apart. After a change of words:
 * `LACRE_WRITE_WORDS=1 npx vitest run --project unit --no-file-parallelism test/unit/trust`, and read the diff.
 */
function assertWritten({ file, known }: List, said: string): void {
  if (known.has(said)) return
  assert.ok(process.env['LACRE_WRITE_WORDS'] === '1', `not in ${file.pathname}: ${said}`)
  known.add(said)
  writeFileSync(file, `${JSON.stringify([...known].toSorted(), null, 2)}\n`)
}

/** What is attested, without its words and with times as for verdicts, is one of `told.attested.json`. */
export function assertAttested(answer: SubjectAttestations): void {
  const said = JSON.stringify(answer, (name, value: unknown) => {
    if (name === 'findings') return undefined
    return typeof value === 'number' && value > YEAR_2001_MS ? away(value) : unordered(value)
  })
  assertWritten(ATTESTED, withoutNames(said))
}

/** A verdict without its words: findings by rule, status and reason, times by how far they lie from `AT_MS`. */
function shapeOf({ seals, findings, validUntilMs, ...rest }: Verdict): string {
  const named = (list: readonly SealFinding[]): string[] =>
    list.map(({ rule, status, reason }) => [rule, status, reason ?? ''].join(' '))
  const shape = {
    ...rest,
    findings: named(findings),
    until: away(validUntilMs),
    seals: seals.map(({ findings: own, trustedTimesMs, times, expiresAtMs, ...seal }) => ({
      ...seal,
      findings: named(own),
      times: trustedTimesMs.map(away),
      told: times?.map((time) => ({ ...time, atMs: away(time.atMs) })),
      until: away(expiresAtMs),
    })),
  }
  return withoutNames(JSON.stringify(shape, (_name, value: unknown) => unordered(value)))
}

/** A list in an order of its own: keys are made anew in each run, and much stands in the order of their digests. */
function unordered(value: unknown): unknown {
  if (!Array.isArray(value)) return value
  const texts = value.map(
    (one: unknown) =>
      [
        withoutNames(JSON.stringify(one, (_name, inner: unknown) => unordered(inner))),
        one,
      ] as const,
  )
  return texts.toSorted(([one], [other]) => (one < other ? -1 : 1)).map(([, one]) => one)
}

const away = (ms: number | undefined): number | undefined =>
  ms === undefined ? undefined : ms - AT_MS

function refusalOf({ code, detail, publicMessage }: PlatformError): string {
  const said = withoutEngineWords(publicMessage)
  return withoutNames(`${code} ${JSON.stringify(detail ?? {})} | ${said}`)
}

function wordsOf({ rule, status, reason, expected, got, nearest, fix }: SealFinding): string {
  const parts = { reason, expected, got, nearest, fix }
  const told = Object.entries(parts).flatMap(([part, text]) =>
    text === undefined ? [] : [`${part}: ${withoutNames(withoutEngineWords(text))}`],
  )
  return [`${rule} ${status}`, ...told].join(' | ')
}

function withoutNames(text: string): string {
  return text
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>')
    .replaceAll(/\b[0-9a-f]{12,}\b/g, '<hex>')
    .replaceAll(/[A-Za-z0-9+/]{40,}={0,2}/g, '<base64>')
}
