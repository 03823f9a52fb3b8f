import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'

import type { Artifact, SealFinding, Verdict } from '../../../services/model/index.ts'
import type { TrustedPublisher } from '../../../services/model/index.ts'
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

/**
 * Holds findings to what is written down: names, times and digests apart. After a change of words:
 * `LACRE_WRITE_WORDS=1 npx vitest run --project unit --no-file-parallelism test/unit/trust`, and read the diff.
 */
export function assertTold(findings: readonly SealFinding[]): void {
  for (const finding of findings) {
    const said = wordsOf(finding)
    if (known.has(said)) continue
    assert.ok(process.env['LACRE_WRITE_WORDS'] === '1', `not in told.words.json: ${said}`)
    known.add(said)
    writeFileSync(WRITTEN, `${JSON.stringify([...known].toSorted(), null, 2)}\n`)
  }
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
