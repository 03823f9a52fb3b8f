import type { Command } from 'commander'

import { PlatformError, type Json } from '../../services/model/index.ts'
import type { CommandModule, Environment } from '../command.ts'
import type { DeployOptions } from '../deploying/index.ts'
import { EXIT } from '../exit-codes.ts'
import { aliasChange, codeChange, planText } from '../planning/index.ts'
import { setContent } from '../policy-sets.ts'
import {
  connect,
  objects,
  publisherInput,
  revocationTarget,
  withConnection,
  withLineage,
  withPublisherOptions,
  withRevocationTarget,
  type ConnectionOptions,
  type JsonObject,
  type PublisherOptions,
  type RevocationOptions,
  type Service,
} from '../service/index.ts'
import type { Terminal } from '../terminal.ts'

/** What a subcommand works with. */
interface Tools {
  readonly terminal: Terminal
  readonly environment: Environment
}

const several = (value: string, before: string[] | undefined): string[] => [
  ...(before ?? []),
  value,
]

export const command: CommandModule = {
  name: 'plan',
  summary: 'what a change would do to what is live; nothing is changed',
  configure(command: Command, terminal: Terminal, environment: Environment): void {
    const tools = { terminal, environment }
    configureFunctions(command, tools)
    configureTrust(command, tools)
    configurePolicies(command, tools)
  },
}

function configureFunctions(command: Command, tools: Tools): void {
  withConnection(command.command('deploy').argument('<zip>', 'the package, sealed or not'))
    .summary('new code: would it be admitted, and would an alias take it')
    .requiredOption('--function <name>', 'the function; planned as new where it is not there')
    .option('--alias <name>', 'the alias that is to serve it afterwards')
    .option('--runtime <id>', 'of a new function')
    .option('--handler <name>', 'of a new function')
    .option('--role <arn>', 'of a new function')
    .option('--description <text>', 'of a new function')
    .option('--layer <arn>', 'of a new function; may be repeated', several)
    .option('--env <name=value>', 'of a new function; may be repeated', several)
    .option('--memory <mb>', 'of a new function')
    .option('--timeout <seconds>', 'of a new function')
    .option('--code-signing-config <arn>', 'of a new function')
    .action(async (file: string, options: DeployOptions & ConnectionOptions) => {
      await show(tools, options, (service) =>
        codeChange({ service, terminal: tools.terminal }, file, options),
      )
    })
  withConnection(command.command('alias').argument('<function>').argument('<alias>'))
    .argument('<version>', 'where it is to point')
    .summary('a move of an alias, whole or of a share')
    .option('--weight <share>', 'only this share, 0 to 1, beside what it serves now')
    .action(
      async (
        functionName: string,
        alias: string,
        version: string,
        options: ConnectionOptions & { readonly weight?: string },
      ) => {
        const weight = readWeight(options.weight)
        await show(tools, options, (service) =>
          aliasChange(service, { functionName, alias, version }, weight),
        )
      },
    )
}

function readWeight(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const weight = Number(text)
  if (text !== '' && weight >= 0 && weight <= 1) return weight
  throw new PlatformError('INVALID_PARAMETER', '--weight takes 0 to 1')
}

interface PublisherPlanOptions extends PublisherOptions, ConnectionOptions {
  readonly new?: boolean
  readonly cancel?: string
  readonly succeeds?: string
}

function configureTrust(command: Command, tools: Tools): void {
  withConnection(withRevocationTarget(command.command('revoke')))
    .summary('a revocation: what would no longer be admitted')
    .action(async (name: string | undefined, options: ConnectionOptions & RevocationOptions) => {
      const target = revocationTarget(name, options)
      const { effective: effectiveAt } = options
      await show(tools, options, () => ({ kind: 'revocation', target, effectiveAt }))
    })
  withPublisherOptions(command.command('publisher').argument('<name>'))
    .summary('a further version of a publisher, a new publisher, or the end of a version')
    .option('--new', 'the publisher is new')
    .option('--cancel <version>', 'end this version instead')
    .option('--succeeds <pem>', 'the key that --key takes over from')
    .action(async (name: string, options: PublisherPlanOptions) => {
      await show(tools, options, () => publisherChange(name, options))
    })
}

async function publisherChange(name: string, options: PublisherPlanOptions): Promise<JsonObject> {
  const { cancel, new: isNew } = options
  if (cancel !== undefined) return { kind: 'publisher-cancel', name, version: cancel }
  const document = await withLineage(publisherInput(options), options)
  const kind = isNew === true ? 'publisher' : 'publisher-version'
  return { kind, name, publisher: { document } }
}

function configurePolicies(command: Command, tools: Tools): void {
  withConnection(command.command('policy'))
    .argument('<set>', 'a folder of .cedar files, one file, or the name of a shipped set')
    .summary('another set of policies: what of all that is live it would refuse')
    .option('--name <name>', "how it is called; the folder's name where not given")
    .action(async (set: string, options: ConnectionOptions & { readonly name?: string }) => {
      const content = setContent(set, options.name)
      await show(tools, options, () => ({ kind: 'policy', ...content }))
    })
  withConnection(command.command('expiry'))
    .summary('what ends by itself, and what that does to what is live')
    .requiredOption('--days <n>', '1 to 3650')
    .action(async (options: ConnectionOptions & { readonly days: string }) => {
      if (!/^\d{1,4}$/.test(options.days))
        throw new PlatformError('INVALID_PARAMETER', '--days takes 1 to 3650')
      await show(tools, options, () => ({ kind: 'expiry', days: Number(options.days) }))
    })
}

/** Between two lines that say that a plan is still being made. */
const STILL_PLANNING_MS = 5_000

/** Plans it and shows the plan; exit code 1 where the change would be refused. */
async function show(
  { terminal, environment }: Tools,
  options: ConnectionOptions,
  change: (service: Service) => JsonObject | Promise<JsonObject>,
): Promise<void> {
  const service = connect(options, environment)
  const asked = await change(service)
  let seconds = 0
  const timer = setInterval(() => {
    seconds += STILL_PLANNING_MS / 1_000
    terminal.say(`planning: ${seconds} s`)
  }, STILL_PLANNING_MS)
  try {
    const { body } = await service.change('POST', '/api/v1/plans', { change: asked })
    terminal.result(body as Json, planText(body, terminal.columns))
    const refused = objects(body, 'decisions').some(({ outcome }) => outcome === 'deny')
    if (refused) terminal.exitWith(EXIT.refused)
  } finally {
    clearInterval(timer)
  }
}
