import type { CommandRow, Environment } from '../../../cli/command.ts'
import { runCommandLine } from '../../../cli/run.ts'

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

const packaging: readonly CommandRow[] = [
  { name: 'pack', summary: 'pack', load: () => import('../../../cli/commands/pack.ts') },
  { name: 'check', summary: 'check', load: () => import('../../../cli/commands/check.ts') },
  { name: 'inspect', summary: 'inspect', load: () => import('../../../cli/commands/inspect.ts') },
]

/** Runs a command line in this process and keeps what it wrote. */
export async function run(
  args: readonly string[],
  options: { table?: readonly CommandRow[]; environment?: Environment; tty?: boolean } = {},
): Promise<Ran> {
  let out = ''
  let err = ''
  const isTTY = options.tty ?? false
  const code = await runCommandLine(options.table ?? packaging, {
    args,
    environment: options.environment ?? {},
    out: { isTTY, columns: 80, write: (text) => (out += text) },
    err: { isTTY, columns: 80, write: (text) => (err += text) },
    version: '1.2.3',
  })
  return { code, out, err }
}
