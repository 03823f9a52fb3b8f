import { Option, type Command } from 'commander'

import { revocationTargetsOf } from '../../services/trust/index.ts'
import type { CommandModule, Environment } from '../command.ts'
import { secretPrompt } from '../prompt.ts'
import {
  createKey,
  createMasterKey,
  KEY_TYPES,
  loadSigner,
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

interface PublicOptions {
  readonly key: string
  readonly passphraseFile?: string
}

export const command: CommandModule = {
  name: 'key',
  summary: 'make a signing key, show public halves and fingerprints',
  configure(command: Command, terminal: Terminal, environment: Environment): void {
    command
      .command('create')
      .description('make a key pair: K.pem for its owner alone, K.pem.pub for publishers')
      .requiredOption('--out <file>', 'where the private key goes; never overwritten')
      .addOption(new Option('--type <type>', 'kind of key').choices(KEY_TYPES).default('p256'))
      .option(
        '--passphrase-file <file>',
        'encrypt the private key with the first line of this file; else with COSIGN_PASSWORD',
      )
      .action((options: CreateOptions) => create(options, terminal, environment))
    command
      .command('create-master')
      .description('make the key that encrypts what a service keeps, for `serve --master-key-file`')
      .requiredOption('--out <file>', 'for its owner alone; never overwritten')
      .option(
        '--kms <key>',
        'have a KMS wrap it: awskms:///KEY, gcpkms://projects/…/cryptoKeys/K, azurekms://VAULT/KEY, hashivault://KEY',
      )
      .action(async (options: { readonly out: string; readonly kms?: string }) => {
        await createMasterKey(options.out, options.kms, { environment })
        const { out: file, kms } = options
        const how =
          kms === undefined ? 'keep it apart from the data directory' : `wrapped by ${kms}`
        terminal.result({ file, ...(kms !== undefined && { kms }) }, `${file}: ${how}`)
      })
    command
      .command('public')
      .description('print the public half of any key that signs, for publishers')
      .requiredOption('--key <ref>', 'as for `lacre sign --key`')
      .option('--passphrase-file <file>', 'its first line opens the key; else COSIGN_PASSWORD')
      .action((options: PublicOptions) => showPublic(options, terminal, environment))
    command
      .command('fingerprint')
      .description(
        'SHA-256 of a public key or of the key of a certificate: what hints and revocations name',
      )
      .argument('<file>', 'a public key or certificate in PEM')
      .action((file: string) => showFingerprint(file, terminal))
  },
}

function create(options: CreateOptions, terminal: Terminal, environment: Environment): void {
  const { out, type, passphraseFile } = options
  const passphrase = readPassphrase(passphraseFile) ?? environment['COSIGN_PASSWORD']
  // An empty passphrase would make a file that looks protected and is not.
  const given = passphrase === '' ? undefined : passphrase
  const fingerprint = createKey(out, type, given)
  terminal.result(
    { privateKey: out, publicKey: `${out}.pub`, type, encrypted: given !== undefined, fingerprint },
    `${inline(out)}\n${inline(out)}.pub\nSHA256:${fingerprint}`,
  )
}

async function showPublic(
  { key, passphraseFile }: PublicOptions,
  terminal: Terminal,
  environment: Environment,
): Promise<void> {
  const prompt = secretPrompt(environment)
  const signer = await loadSigner(key, { environment, passphraseFile, prompt })
  try {
    const { object, kind, curve, spkiSha256: fingerprint } = signer.publicKey
    const publicKey = object.export({ format: 'pem', type: 'spki' }).toString()
    terminal.result({ publicKey, type: curve ?? kind, fingerprint }, publicKey.trimEnd())
  } finally {
    await signer.close?.()
  }
}

function showFingerprint(file: string, terminal: Terminal): void {
  const { key, certificates } = revocationTargetsOf(readSmallFile(file).toString('latin1'))
  const lines = [`key          ${key}`, ...certificates.map((one) => `certificate  ${inline(one)}`)]
  terminal.result({ key, certificates: [...certificates] }, lines.join('\n'))
}
