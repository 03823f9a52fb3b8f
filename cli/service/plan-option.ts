import type { Command } from 'commander'

import { PlatformError } from '../../services/model/index.ts'

/** The option by which a change is held to what a plan said. */
export interface PlanOption {
  readonly plan?: string
}

/** Adds `--plan` to a command that changes something. */
export function withPlan(command: Command): Command {
  return command.option(
    '--plan <hash>',
    'only as `lacre plan` said, and only while nothing changed',
  )
}

/** The header that goes with the change; none without the option. @throws PlatformError INVALID_PARAMETER */
export function planHeaders({ plan }: PlanOption): Readonly<Record<string, string>> {
  if (plan === undefined) return {}
  if (/^[0-9a-f]{64}$/.test(plan)) return { 'x-lacre-plan': plan }
  throw new PlatformError('INVALID_PARAMETER', '--plan takes the hash of a plan: 64 hex digits')
}
