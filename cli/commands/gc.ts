import type { Command } from 'commander'

import type { CommandModule, Environment } from '../command.ts'
import { connect, withConnection, type ConnectionOptions } from '../service/index.ts'
import { textsOf } from '../scrub.ts'
import { parseSpan } from '../spans.ts'
import type { Terminal } from '../terminal.ts'

interface GcOptions extends ConnectionOptions {
  readonly dryRun?: boolean
  readonly grace?: string
}

const HELP = `
What was ever admitted stays, also of functions that are deleted: decisions, history and evidence name it. What goes are
bytes of deployments that were never committed, code unpacked of versions that are no more, temporary files and uploads
that nobody deployed. The service does it by itself every six hours. Each digest is in the ledger.

Examples:
  lacre gc --dry-run
  lacre gc --grace 1h

Exit codes: 0 done, 1 not allowed, 2 usage, 4 the service is unreachable, or a backup is being made.`

/** `lacre gc`: takes away what nothing needs. */
export const command: CommandModule = {
  name: 'gc',
  summary: 'take away stored files that nothing needs',
  configure(command: Command, terminal: Terminal, environment: Environment): void {
    withConnection(command)
      .option('--dry-run', 'say what would go, and take nothing away')
      .option('--grace <time>', 'leave alone what is younger: 1h, 7d; a day where not given')
      .addHelpText('after', HELP)
      .action(async (options: GcOptions) => {
        const { dryRun = false, grace } = options
        const { body } = await connect(options, environment).change('POST', '/api/v1/gc', {
          dryRun,
          ...(grace !== undefined && { graceMs: parseSpan('--grace', grace) }),
        })
        const [blobs, prepared] = [textsOf(body['blobs']), textsOf(body['prepared'])]
        const lines = [
          `${dryRun ? 'would go' : 'gone'}: ${blobs.length} artifacts (${Number(body['bytes'])} bytes), ${prepared.length} prepared trees, ${Number(body['files'])} files`,
          ...blobs.map((digest) => `artifact    ${digest}`),
          ...prepared.map((digest) => `prepared    ${digest}`),
        ]
        terminal.result(body, lines.join('\n'))
      })
  },
}
