import { Command, CommanderError } from 'commander'

import { PlatformError, type Json } from '../services/model/index.ts'
import type { CommandRow, Environment } from './command.ts'
import { EXAMPLES } from './examples.ts'
import { EXIT, exitCodeOf, type ExitCode } from './exit-codes.ts'
import { nextStep } from './next-steps.ts'
import { StandardTerminal, inline, type Output } from './terminal.ts'

const JSON_OPTION = 'result and errors as JSON'
const QUIET_OPTION = 'the result and errors alone: no narration, no progress'

const EXIT_CODES_HELP = `
Exit codes: 0 done or accepted, 1 refused or not trusted, 2 usage, 3 could not be done,
4 service unreachable, 5 consistent but not authenticated, 6 stored data is damaged, 70 a bug.`

export interface CommandLine {
  /** Without node and script. */
  readonly args: readonly string[]
  readonly environment: Environment
  readonly out: Output
  readonly err: Output
  readonly version: string
}

/** Runs one command line against the table and answers the exit code; never throws. */
export async function runCommandLine(
  table: readonly CommandRow[],
  line: CommandLine,
): Promise<ExitCode> {
  const terminal = new StandardTerminal(line.out, line.err)
  // Before anything can fail: also a mistyped option is answered in the form that was asked for.
  const options = line.args.slice(0, endOfOptions(line.args))
  terminal.json = options.includes('--json')
  terminal.quiet = options.includes('--quiet') || options.includes('-q')
  try {
    const program = await buildProgram(table, line, terminal)
    await program.parseAsync([...line.args], { from: 'user' })
    return terminal.exitCode
  } catch (error) {
    return report(error, terminal)
  }
}

function endOfOptions(args: readonly string[]): number {
  const at = args.indexOf('--')
  return at < 0 ? args.length : at
}

async function buildProgram(
  table: readonly CommandRow[],
  line: CommandLine,
  terminal: StandardTerminal,
): Promise<Command> {
  const program = new Command('lacre')
    .description('Decides what code may run, runs only that, and can prove it afterwards.')
    .version(line.version)
    .helpCommand('help [command]', 'show the help of a command')
    // `--version` and others mean what the verb says behind the verb.
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => line.out.write(text),
      // With --json the error goes out as an object, in `report`.
      writeErr: (text) => (terminal.json ? true : line.err.write(text)),
    })
    .showHelpAfterError('next: the same with --help shows what it takes, and examples')
    .option('--json', JSON_OPTION)
    .option('-q, --quiet', QUIET_OPTION)
    .addHelpText('after', EXIT_CODES_HELP)
  const called = line.args.filter((arg) => !arg.startsWith('-'))
  const verb = called[0] === 'help' ? called[1] : called[0]
  for (const row of table) {
    const command = program.command(row.name).summary(row.summary).description(row.summary)
    if (row.name !== verb) continue
    const module = await row.load()
    module.command.configure(command, terminal, line.environment)
    complete(command, row.name)
  }
  if (line.args.length === 0) program.help()
  return program
}

/** What every command has, so that none can forget it: `--json` and `--quiet` after the verb, and examples in its help. */
function complete(command: Command, path: string): void {
  if (!command.options.some((option) => option.long === '--json'))
    command.option('--json', JSON_OPTION)
  command.option('-q, --quiet', QUIET_OPTION)
  const examples = EXAMPLES[path] ?? []
  if (examples.length > 0)
    command.addHelpText(
      'after',
      ['', titleOf(examples), ...examples.map((one) => `  ${one}`)].join('\n'),
    )
  for (const sub of command.commands) complete(sub, `${path} ${sub.name()}`)
}

function titleOf(examples: readonly string[]): string {
  return examples.length === 1 ? 'Example:' : 'Examples:'
}

function report(error: unknown, terminal: StandardTerminal): ExitCode {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return EXIT.ok
    // Commander has written the text itself, but for --json.
    if (terminal.json) terminal.fail({ code: 'USAGE', message: error.message }, '')
    return EXIT.usage
  }
  if (error instanceof PlatformError) {
    const detail = jsonDetail(error.detail)
    const next = nextStep(error.code)
    terminal.fail(
      { code: error.code, message: error.publicMessage, detail, next },
      `error: ${error.publicMessage}${ruleOf(error)}${next === undefined ? '' : `\nnext: ${next}`}`,
    )
    return exitCodeOf(error.code)
  }
  const system = systemMessage(error)
  if (system !== undefined) {
    terminal.fail({ code: system.code, message: system.message }, `error: ${system.message}`)
    return system.exit
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  terminal.fail({ code: 'INTERNAL', message: text }, `this is a bug in lacre: ${text}`)
  return EXIT.internal
}

/** The rule after the sentence, for whoever looks it up. */
function ruleOf(error: PlatformError): string {
  const rule = error.detail['rule']
  return typeof rule === 'string' ? ` (${rule})` : ''
}

function jsonDetail(detail: Readonly<Record<string, unknown>>): Json {
  return JSON.parse(JSON.stringify(detail)) as Json
}

const UNREACHABLE = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENOTFOUND',
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
])

const systemPhrases: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EISDIR: 'is a directory',
  ENOTDIR: 'not a directory',
  EEXIST: 'exists already',
  ENOSPC: 'no space left',
}

/** Errors of the operating system are no bugs: said in a line, without a stack. */
function systemMessage(
  error: unknown,
): { code: string; message: string; exit: ExitCode } | undefined {
  if (!(error instanceof Error)) return undefined
  const { code, path } = error as NodeJS.ErrnoException
  if (typeof code !== 'string' || !('syscall' in error || UNREACHABLE.has(code))) return undefined
  const phrase = systemPhrases[code] ?? code
  const message = path === undefined ? error.message : `\`${inline(path)}\`: ${phrase}`
  return { code, message, exit: UNREACHABLE.has(code) ? EXIT.unreachable : EXIT.failed }
}
