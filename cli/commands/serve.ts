import type { ServeOptions } from '../../services/main.ts'
import type { CommandModule } from '../command.ts'

/** The service lives for as long as the command: it ends on SIGTERM or SIGINT, cleanly. */
export const command: CommandModule = {
  name: 'serve',
  summary: 'run the service: APIs, gate, ledger and runtime over one data directory',
  configure(command, terminal) {
    command
      .requiredOption('--data <dir>', 'the data directory; made when it is not there')
      .option('--listen <host:port>', 'where to listen; port 0 takes any free one')
      .option('--tls-cert <file>', 'certificate chain, PEM')
      .option('--tls-key <file>', 'private key, PEM')
      .option('--trust-proxy <name>', 'the proxy in front that ends TLS')
      .option('--account <id>', '12 digits in every ARN')
      .option('--region <name>', 'the region in every ARN')
      .option('--isolation <driver>', 'auto, bubblewrap or process')
      .option('--require-isolation', 'refuse to run functions without full isolation')
      .option('--master-key-file <file>', 'the key that encrypts secrets at rest')
      .option('--max-environments <n>', 'sandboxes at a time')
      .option(
        '--policy-set <name>',
        'what the gate asks: default, strict-production or supply-chain',
      )
      .option('--open-metrics', 'answer /metrics without a signature')
      .option(
        '--allow-source <network...>',
        'a network inside that URLs of publishers (revocation lists) may lead to: 10.0.0.0/8',
      )
      .action(async (options: ServeOptions) => {
        // Imported here: no other command pays for the service.
        const { serve } = await import('../../services/main.ts')
        await serve(options, {
          ready: (url) => terminal.result({ listening: url }, `lacre listening on ${url}`),
          say: (line) => terminal.say(line),
        })
      })
  },
}
