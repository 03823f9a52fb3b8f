import type { Command } from 'commander'

import type { WitnessServeOptions } from '../../services/main.ts'
import type { CommandModule } from '../command.ts'
import { openedMasterKey } from '../signing/index.ts'

/** A witness of logs; the services behind it are imported by the verb that runs them. */
export const command: CommandModule = {
  name: 'witness',
  summary: "cosign logs' checkpoints: only what extends what was seen before",
  configure(command, terminal, environment) {
    const many = (value: string, before: readonly string[] = []): readonly string[] => [
      ...before,
      value,
    ]
    const withDirectory = (verb: Command): Command =>
      verb
        .requiredOption('--data <dir>', "the witness's directory; made when it is not there")
        .option('--name <name>', 'its name, for ever: witness.example.com/w1')
        .option('--master-key-file <file>', 'the key that encrypts its key at rest')
    withDirectory(command.command('serve'))
      .description('answer add-checkpoint (C2SP tlog-witness) until SIGTERM')
      .option('--listen <host:port>', 'where to listen; port 0 takes any free one')
      .requiredOption('--log-key <key>', 'a log it knows, by its verifier key; repeatable', many)
      .option('--tls-cert <file>', 'certificate chain, PEM')
      .option('--tls-key <file>', 'private key, PEM')
      .addHelpText(
        'after',
        '\nExample:\n  lacre witness serve --data /var/lib/witness --name witness.example.com/w1 --log-key "$LOG_KEY"\n',
      )
      .action(async (options: WitnessServeOptions) => {
        const { serveWitness } = await import('../../services/main.ts')
        const opened = await openedMasterKey(options.masterKeyFile, environment)
        await serveWitness(
          { ...options, ...opened },
          {
            ready: (url, verifierKey) =>
              terminal.result(
                { listening: url, verifierKey },
                `lacre witness listening on ${url}\nits key: ${verifierKey}`,
              ),
          },
        )
      })
    withDirectory(command.command('key'))
      .description("print the witness's verifier key, for `lacre serve --witness KEY=URL`")
      .addHelpText(
        'after',
        '\nExample:\n  lacre witness key --data /var/lib/witness --name witness.example.com/w1\n',
      )
      .action(async (options: WitnessServeOptions) => {
        const { readWitnessKey } = await import('../../services/main.ts')
        const opened = await openedMasterKey(options.masterKeyFile, environment)
        const verifierKey = await readWitnessKey({ ...options, ...opened })
        terminal.result({ verifierKey }, verifierKey)
      })
  },
}
