import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'

import type { SealFinding, Verdict } from '../../services/model/index.ts'

const RULES: readonly string[] = ['integrity', 'mismatch', 'expiry', 'revocation']

/** Promise P6: whatever a verdict says, it says in words, by one of the four checks; a verdict without them is a fault. */
export function assertWords({ findings, seals, unchecked = [] }: Verdict): void {
  for (const finding of [...findings, ...seals.flatMap((seal) => seal.findings)])
    assertSaid(finding)
  const named = [...unchecked, ...seals.flatMap((seal) => seal.unchecked)]
  for (const text of named) assertText(text, 'what was unchecked')
}

function assertSaid(finding: SealFinding): void {
  const { rule, status, reason, expected, got, nearest, fix } = finding
  const said = JSON.stringify(finding)
  assert.ok(RULES.includes(rule), `one of the four checks: ${said}`)
  assertText(expected, `what was expected: ${said}`)
  assertText(got, `what there was: ${said}`)
  if (status !== 'passed') assertText(reason, `a reason: ${said}`)
  if (nearest !== undefined) assertText(nearest, `the nearest: ${said}`)
  if (fix !== undefined) assertText(fix, `the remedy: ${said}`)
}

/** Neither nothing nor a gap where something was to be named (` `` `, `undefined`). */
export function assertText(text: string | undefined, what: string): void {
  assert.ok(text !== undefined && text.trim() !== '' && !/``|\bundefined\b/.test(text), what)
}

/** JSON.parse has other words in each version of Node: a refusal tells them to people, and no list holds them. */
export function withoutEngineWords(text: string): string {
  return text.replace(/(?<=the JSON cannot be read: ).+$/s, '<v8>')
}

/** What is told is what the JSON file says. With `LACRE_WRITE_WORDS=1` it is written anew, for its diff to be read. */
export function assertWrittenDown(file: URL, told: unknown): void {
  if (process.env['LACRE_WRITE_WORDS'] === '1')
    writeFileSync(file, `${JSON.stringify(told, null, 2)}\n`)
  assert.deepEqual(told, JSON.parse(readFileSync(file, 'utf8')))
}
