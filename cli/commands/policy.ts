import type { Command } from 'commander'

import { PlatformError, type Json } from '../../services/model/index.ts'
import { runCases, type CaseReport, type PolicyFault } from '../../services/policy/index.ts'
import type { CommandModule } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { findPolicySet, loadCases, loadPolicySet } from '../policies.ts'
import { inline, type Terminal } from '../terminal.ts'

export const command: CommandModule = {
  name: 'policy',
  summary: 'check policy sets against the schema and run the cases beside them',
  configure(command: Command, terminal: Terminal): void {
    command
      .command('check')
      .argument('<set>', 'a folder of .cedar files, one file, or the name of a shipped set')
      .description('parse and validate; exit 1 where anything is wrong')
      .action((set: string) => check(set, terminal))
    command
      .command('test')
      .argument('<set>', 'a folder of .cedar files, one file, or the name of a shipped set')
      .option('--cases <file>', 'the cases, where they are not cases.yaml in the folder')
      .description('run the cases: facts, decision, the policies that decide')
      .action((set: string, options: { readonly cases?: string }) => test(set, options, terminal))
  },
}

function check(name: string, terminal: Terminal): void {
  try {
    const { policies, digest, warnings } = loadPolicySet(findPolicySet(name))
    const lines = warnings.map((one) => `warning: ${faultLine(one)}`)
    terminal.result(
      { valid: true, digest, policies: [...policies.keys()], warnings: toJson(warnings) },
      [`${policies.size} policies, valid against the schema`, ...lines].join('\n'),
    )
  } catch (error) {
    const faults = error instanceof PlatformError ? error.detail['faults'] : undefined
    if (!Array.isArray(faults)) throw error
    const found = faults as readonly PolicyFault[]
    terminal.result({ valid: false, faults: toJson(found) }, found.map(faultLine).join('\n'))
    terminal.exitWith(EXIT.refused)
  }
}

function faultLine({ file, policy, message, hint }: PolicyFault): string {
  const place = [file, policy].filter((part) => part !== undefined && part !== '').join(', ')
  return `${inline(place)}: ${inline(message)}${hint === undefined ? '' : `; ${inline(hint)}`}`
}

function toJson(faults: readonly PolicyFault[]): Json {
  return faults.map(({ file, policy, message, hint }) => ({
    file,
    policy: policy ?? null,
    message,
    hint: hint ?? null,
  }))
}

function test(name: string, options: { readonly cases?: string }, terminal: Terminal): void {
  const path = findPolicySet(name)
  const report = runCases(loadPolicySet(path), loadCases(options.cases ?? path))
  const failed = report.results.filter(({ passed }) => !passed)
  terminal.result(
    {
      passed: report.results.length - failed.length,
      failed: failed.length,
      results: report.results.map((result) => ({ ...result })),
      unexercised: [...report.unexercised],
      absences: report.absences.map((absence) => ({ ...absence })),
    },
    reportLines(report).join('\n'),
  )
  if (failed.length > 0) terminal.exitWith(EXIT.refused)
}

function reportLines({ results, unexercised, absences }: CaseReport): string[] {
  const failed = results.filter(({ passed }) => !passed)
  return [
    ...results.map(({ name, passed }) => `${passed ? 'ok    ' : 'FAILED'}  ${inline(name)}`),
    ...failed.flatMap(({ name, expected, got }) => [
      `${inline(name)}:`,
      `  expected  ${inline(expected)}`,
      `  got       ${inline(got)}`,
    ]),
    ...unexercised.map((id) => `warning: no case exercises \`${inline(id)}\``),
    ...absences.map(
      (absence) =>
        `warning: in \`${inline(absence.case)}\` a deny becomes an allow without \`${inline(absence.attribute)}\``,
    ),
    `${results.length - failed.length} passed, ${failed.length} failed`,
  ]
}
