import type { Command } from 'commander'

import { PlatformError } from '../../services/model/index.ts'
import type { CommandModule, Environment } from '../command.ts'
import {
  connect,
  explained,
  narrate,
  objects,
  paths,
  planHeaders,
  pointAlias,
  splitQualifier,
  text,
  withConnection,
  withPlan,
  type ConnectionOptions,
  type JsonObject,
  type PlanOption,
  type Service,
} from '../service/index.ts'
import type { Terminal } from '../terminal.ts'

interface RollbackOptions extends ConnectionOptions, PlanOption {
  readonly to?: string
}

export const command: CommandModule = {
  name: 'rollback',
  summary: 'point an alias back at the version that was live in it before',
  configure(command: Command, terminal: Terminal, environment: Environment): void {
    withPlan(withConnection(command))
      .argument('<name:alias>', 'the alias')
      .option('--to <version>', 'this version instead of the previous one')
      .action(async (target: string, options: RollbackOptions) => {
        const service = connect(options, environment).withHeaders(planHeaders(options))
        await explained(service, terminal, async () => {
          await rollback({ service, terminal }, target, options.to)
        })
      })
  },
}

async function rollback(
  { service, terminal }: { service: Service; terminal: Terminal },
  target: string,
  to: string | undefined,
): Promise<void> {
  const { name, qualifier: alias } = splitQualifier(target)
  if (alias === undefined || !/^[a-zA-Z0-9-_]+$/.test(alias)) {
    throw new PlatformError('INVALID_PARAMETER', 'rollback wants NAME:ALIAS')
  }
  const current = text(await service.get(paths.alias(name, alias)), 'FunctionVersion')
  const version = to ?? (await previousVersion(service, { name, alias, current }))
  const { decisionId } = await pointAlias(service, { name, alias, version }, undefined)
  await narrate(service, terminal, { what: `alias ${alias}`, id: decisionId })
  terminal.result(
    { function: name, alias, from: current, to: version, decision: decisionId },
    `${name}:${alias} serves version ${version} again, not ${current}`,
  )
}

/** The version that held the alias's first slot last before the one that holds it now. */
async function previousVersion(
  service: Service,
  of: { readonly name: string; readonly alias: string; readonly current: string },
): Promise<string> {
  const path = `/api/v1/live/${encodeURIComponent(of.name)}/${encodeURIComponent(of.alias)}`
  const history = objects(await service.get(path), 'history')
  const before = history.filter((row) => isEarlier(row, of.current)).at(-1)
  if (before !== undefined) return text(before, 'version')
  throw new PlatformError(
    'RESOURCE_NOT_FOUND',
    `no other version was live in \`${of.name}:${of.alias}\` before ${of.current}`,
  )
}

function isEarlier(row: JsonObject, current: string): boolean {
  return row['slot'] === 'primary' && row['to'] !== null && text(row, 'version') !== current
}
