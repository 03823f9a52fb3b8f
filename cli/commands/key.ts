import { Option, type Command } from 'commander'

import { revocationTargetsOf } from '../../services/trust/index.ts'
import type { CommandModule } from '../command.ts'
import {
  createKey,
  KEY_TYPES,
  readPassphrase,
  readSmallFile,
  type KeyType,
} from '../signing/index.ts'
import { inline, type Terminal } from '../terminal.ts'

interface CreateOptions {
  readonly out: string
  readonly type: KeyType
  readonly passphraseFile?: string
}

export const command: CommandModule = {
  name: 'key',
  summary: 'make a signing key, show fingerprints',
  configure(command: Command, terminal: Terminal): void {
    command
      .command('create')
      .description('make a key pair: K.pem for its owner alone, K.pem.pub for publishers')
      .requiredOption('--out <file>', 'where the private key goes; never overwritten')
      .addOption(new Option('--type <type>', 'kind of key').choices(KEY_TYPES).default('p256'))
      .option(
        '--passphrase-file <file>',
        'encrypt the private key with the first line of this file',
      )
      .action((options: CreateOptions) => create(options, terminal))
    command
      .command('fingerprint')
      .description(
        'SHA-256 of a public key or of the key of a certificate: what hints and revocations name',
      )
      .argument('<file>', 'a public key or certificate in PEM')
      .action((file: string) => showFingerprint(file, terminal))
  },
}

function create({ out, type, passphraseFile }: CreateOptions, terminal: Terminal): void {
  const fingerprint = createKey(out, type, readPassphrase(passphraseFile))
  terminal.result(
    { privateKey: out, publicKey: `${out}.pub`, type, fingerprint },
    `${inline(out)}\n${inline(out)}.pub\nSHA256:${fingerprint}`,
  )
}

function showFingerprint(file: string, terminal: Terminal): void {
  const { key, certificates } = revocationTargetsOf(readSmallFile(file).toString('latin1'))
  const lines = [`key          ${key}`, ...certificates.map((one) => `certificate  ${inline(one)}`)]
  terminal.result({ key, certificates: [...certificates] }, lines.join('\n'))
}
