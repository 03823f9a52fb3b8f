import { Option, type Command } from 'commander'

import {
  POLICY_KINDS,
  PlatformError,
  type Json,
  type PolicyKind,
} from '../../services/model/index.ts'
import { runCases, type CaseReport, type PolicyFault } from '../../services/policy/index.ts'
import type { CommandModule, Environment } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { findPolicySet, loadCases, loadPolicySet } from '../policies.ts'
import {
  absenceLine,
  applySet,
  faultLine,
  rollBack,
  showDiff,
  showHistory,
  showSet,
  toVersion,
} from '../policy-sets.ts'
import {
  connect,
  withConnection,
  withPlan,
  type ConnectionOptions,
  type PlanOption,
} from '../service/index.ts'
import { inline, type Terminal } from '../terminal.ts'
import { rollbackStopped } from './policy-offline.ts'

const SET = 'a folder of .cedar files, one file, or the name of a shipped set'

interface OfKind {
  readonly kind: PolicyKind
}

interface TestOptions extends OfKind {
  readonly cases?: string
}

interface KeptOptions extends ConnectionOptions, OfKind {}

interface RollbackOptions extends KeptOptions {
  readonly ifVersion?: string
  readonly masterKeyFile?: string
}

export const command: CommandModule = {
  name: 'policy',
  summary: 'policy sets: check and test them, put one in force, return to an earlier one',
  configure(command: Command, terminal: Terminal, environment: Environment): void {
    command
      .command('check')
      .argument('<set>', SET)
      .addOption(kindOption())
      .description('parse and validate; exit 1 where anything is wrong')
      .action((set: string, options: OfKind) => check(set, options, terminal))
    command
      .command('test')
      .argument('<set>', SET)
      .addOption(kindOption())
      .option('--cases <file>', 'the cases, where they are not cases.yaml in the folder')
      .description('run the cases: facts, decision, the policies that decide')
      .action((set: string, options: TestOptions) => test(set, options, terminal))
    configureKept(command, terminal, environment)
  },
}

function kindOption(): Option {
  return new Option(
    '--kind <kind>',
    'what the set answers: may this change be, or may this one do it',
  )
    .choices(POLICY_KINDS)
    .default('admission')
}

/** What asks the service, which keeps every set that was in force. */
function configureKept(command: Command, terminal: Terminal, environment: Environment): void {
  const speaking = (options: KeptOptions) => ({
    service: connect(options, environment),
    terminal,
    kind: options.kind,
  })
  const kept = (name: string): Command =>
    withConnection(command.command(name)).addOption(kindOption())
  withPlan(kept('apply'))
    .argument('<set>', SET)
    .option('--name <name>', "how it is called; the folder's name where not given")
    .option('--if-version <n>', 'only if this version is in force')
    .description('put a set in force: validated, its cases run, judged by the set before it')
    .action(
      (
        set: string,
        options: KeptOptions & PlanOption & { readonly ifVersion?: string; name?: string },
      ) => applySet(speaking(options), set, options),
    )
  kept('history')
    .description('every set that was in force, newest first')
    .action((options: KeptOptions) => showHistory(speaking(options)))
  kept('show')
    .argument('[version]', 'the one in force where not given')
    .description('one set with its text')
    .action((version: string | undefined, options: KeptOptions) =>
      showSet(speaking(options), version),
    )
  kept('rollback')
    .argument('[version]', 'the version to return to')
    .option('--if-version <n>', 'only if this version is in force')
    .option('--master-key-file <file>', 'with the service stopped: the key as `serve` takes it')
    .description(
      'put an earlier set in force; with --data and the service stopped no policy is asked',
    )
    .action((version: string | undefined, options: RollbackOptions) =>
      rollback(version, options, { terminal, environment }),
    )
  kept('diff')
    .argument('<set>', 'a version, or a set as `check` takes it')
    .argument('[other]', 'what it is compared with; without one <set> with what is in force')
    .description('policy by policy, and what the cases of both come to under either')
    .action((first: string, second: string | undefined, options: KeptOptions) =>
      showDiff({ connect: () => connect(options, environment), terminal, kind: options.kind }, [
        first,
        second,
      ]),
    )
}

/** The last resort takes the directory's lock: where the service holds it, the service is asked. */
async function rollback(
  version: string | undefined,
  options: RollbackOptions,
  { terminal, environment }: { readonly terminal: Terminal; readonly environment: Environment },
): Promise<void> {
  const { data, masterKeyFile, ifVersion, kind } = options
  const wanted = {
    kind,
    version: version === undefined ? undefined : toVersion(version),
    ifVersion: ifVersion === undefined ? undefined : toVersion(ifVersion),
  }
  const directory = { ...(masterKeyFile !== undefined && { masterKeyFile }), data: data ?? '' }
  const done = data === undefined ? undefined : await rollbackStopped(directory, wanted)
  if (done === undefined)
    return await rollBack(
      { service: connect(options, environment), terminal, kind },
      version,
      options,
    )
  terminal.say('the service is stopped: done without asking any policy, and recorded so')
  terminal.result(
    { ...done, ofVersion: done.ofVersion ?? null, offline: true },
    `version ${done.version}, ${inline(done.name)}@${done.digest.slice(0, 12)} is in force, ${done.ofVersion === undefined ? 'the text that comes with Lacre' : `the text of version ${done.ofVersion}`}`,
  )
}

function check(name: string, { kind }: OfKind, terminal: Terminal): void {
  try {
    const { policies, digest, warnings } = loadPolicySet(findPolicySet(name), kind)
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

function toJson(faults: readonly PolicyFault[]): Json {
  return faults.map(({ file, policy, message, hint }) => ({
    file,
    policy: policy ?? null,
    message,
    hint: hint ?? null,
  }))
}

function test(name: string, { kind, cases }: TestOptions, terminal: Terminal): void {
  const path = findPolicySet(name)
  const report = runCases(loadPolicySet(path, kind), loadCases(cases ?? path, kind))
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
    ...absences.map((absence) => absenceLine({ ...absence })),
    `${results.length - failed.length} passed, ${failed.length} failed`,
  ]
}
