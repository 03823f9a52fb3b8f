import type { Command } from 'commander'

import { PlatformError } from '../../services/model/index.ts'
import type { AuthorityServeOptions } from '../../services/main.ts'
import type { CommandModule, Environment } from '../command.ts'
import { openedMasterKey } from '../signing/index.ts'
import { inline, type Terminal } from '../terminal.ts'

const ROTATED = ['ca', 'ct', 'tsa'] as const

interface RotateOptions {
  readonly data: string
  readonly masterKeyFile?: string
}

/** The private Sigstore; the services behind it are imported by the verb that runs them. */
export const command: CommandModule = {
  name: 'authority',
  summary: 'a private Sigstore: certificates, timestamps and a log of its own',
  configure(command, terminal, environment) {
    configureServe(command, terminal, environment)
    command
      .command('trusted-root')
      .description('print the Sigstore TrustedRoot (v0.1) by which others verify')
      .requiredOption('--data <dir>', "the authority's directory, in use or not")
      .option('--signing-config', 'print the SigningConfig (v0.2) for clients that sign instead')
      .action(async (options: { data: string; signingConfig?: boolean }) => {
        const { readTrustedRoot } = await import('../../services/main.ts')
        const which = options.signingConfig === true ? 'signing-config' : 'trusted-root'
        const document = await readTrustedRoot(options.data, which)
        terminal.result(document, JSON.stringify(document, null, 2))
      })
    command
      .command('rotate <role>')
      .description(`a new key for ${ROTATED.join(', ')}, with the authority stopped`)
      .requiredOption('--data <dir>', "the authority's directory")
      .option('--master-key-file <file>', 'the key that encrypts secrets at rest')
      .action(async (name: string, options: RotateOptions) => {
        const role = ROTATED.find((one) => one === name)
        if (role === undefined)
          throw new PlatformError(
            'INVALID_PARAMETER',
            `\`${name}\` is none of ${ROTATED.join(', ')}: a new root or log is a new directory`,
          )
        const { rotateAuthority } = await import('../../services/main.ts')
        const opened = await openedMasterKey(options.masterKeyFile, environment)
        const generation = await rotateAuthority({ ...options, ...opened }, role)
        terminal.say('hand out the trusted root again: what is signed from now on needs it')
        terminal.result({ role, generation }, `${inline(role)}: generation ${generation}`)
      })
  },
}

function configureServe(command: Command, terminal: Terminal, environment: Environment): void {
  const many = (value: string, before: readonly string[] = []): readonly string[] => [
    ...before,
    value,
  ]
  command
    .command('serve')
    .description('run it over one directory of its own, until SIGTERM')
    .requiredOption('--data <dir>', "the authority's directory; made when it is not there")
    .option('--listen <host:port>', 'where to listen; port 0 takes any free one')
    .option('--public-url <url>', 'where clients reach it; its host names the log, for ever')
    .requiredOption('--oidc-issuer <url[=audience]>', 'whose tokens to take; repeatable', many)
    .option('--oidc-kind <url=kind>', 'email, github, gitlab, buildkite or circleci', many)
    .option('--oidc-jwks <url=jwks-url>', "an issuer's keys, where they lie on another host", many)
    .option('--allow-insecure-http <url>', 'an issuer that may be asked without TLS', many)
    .option('--allow-private-network <url>', 'an issuer whose address is not public', many)
    .option('--tls-cert <file>', 'certificate chain, PEM')
    .option('--tls-key <file>', 'private key, PEM')
    .option('--trust-proxy <name>', 'the proxy in front that ends TLS')
    .option('--master-key-file <file>', 'the key that encrypts secrets at rest')
    .action(async (options: AuthorityServeOptions) => {
      const { serveAuthority } = await import('../../services/main.ts')
      const opened = await openedMasterKey(options.masterKeyFile, environment)
      await serveAuthority(
        { ...options, ...opened },
        {
          ready: (url) =>
            terminal.result({ listening: url }, `lacre authority listening on ${url}`),
          say: (line) => terminal.say(line),
        },
      )
    })
}
