import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'

import {
  PlatformError,
  type Artifact,
  type SealFinding,
  type TrustedPublisher,
  type Verdict,
} from '../../../services/model/index.ts'
import { judgeZip as judge } from '../../support/pki.ts'

const WRITTEN = new URL('told.words.json', import.meta.url)
const known = new Set(JSON.parse(readFileSync(WRITTEN, 'utf8')) as string[])

/** As `judgeZip`; every finding it tells is one of `told.words.json`, word for word. */
export function judgeZip(
  artifact: Artifact,
  publishers: readonly TrustedPublisher[],
  spec: Parameters<typeof judge>[2] = {},
): Verdict {
  const verdict = judge(artifact, publishers, spec)
  assertTold([...verdict.findings, ...verdict.seals.flatMap((seal) => seal.findings)])
  return verdict
}

/** Holds findings to what is written down. */
export function assertTold(findings: readonly SealFinding[]): void {
  for (const finding of findings) assertWritten(wordsOf(finding))
}

/** Calls and gives on what is thrown; a refusal has to be one that is written down. */
export function saying<T>(call: () => T): () => T {
  return () => {
    try {
      return call()
    } catch (error) {
      if (error instanceof PlatformError) assertWritten(refusalOf(error))
      throw error
    }
  }
}

/**
 * Names, times and digests apart. After a change of words:
 * `LACRE_WRITE_WORDS=1 npx vitest run --project unit --no-file-parallelism test/unit/trust`, and read the diff.
 */
function assertWritten(said: string): void {
  if (known.has(said)) return
  assert.ok(process.env['LACRE_WRITE_WORDS'] === '1', `not in told.words.json: ${said}`)
  known.add(said)
  writeFileSync(WRITTEN, `${JSON.stringify([...known].toSorted(), null, 2)}\n`)
}

function refusalOf({ code, detail, publicMessage }: PlatformError): string {
  return withoutNames(`${code} ${JSON.stringify(detail ?? {})} | ${publicMessage}`)
}

function wordsOf({ rule, status, reason, expected, got, nearest, fix }: SealFinding): string {
  const parts = { reason, expected, got, nearest, fix }
  const told = Object.entries(parts).flatMap(([part, text]) =>
    text === undefined ? [] : [`${part}: ${withoutNames(text)}`],
  )
  return [`${rule} ${status}`, ...told].join(' | ')
}

function withoutNames(text: string): string {
  return text
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>')
    .replaceAll(/\b[0-9a-f]{12,}\b/g, '<hex>')
    .replaceAll(/[A-Za-z0-9+/]{40,}={0,2}/g, '<base64>')
}
