import { basename } from 'node:path'

import type { Command } from 'commander'

import { openArtifact, unsealedSource } from '../../services/artifact/index.ts'
import {
  bufferSource,
  parseIsoTime,
  PlatformError,
  sha256,
  toIsoTime,
} from '../../services/model/index.ts'
import type { CommandModule, Environment } from '../command.ts'
import { openFileSource, writeFileFrom } from '../files.ts'
import {
  loadIdentity,
  makeVouch,
  type IdentityFiles,
  type SigningIdentity,
} from '../signing/index.ts'
import { secretPrompt } from '../prompt.ts'
import { inline, type Terminal } from '../terminal.ts'

interface VouchOptions extends IdentityFiles {
  readonly name: readonly string[]
  readonly notAfter: string
  readonly account?: string
  readonly out?: string
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value]
}

export const command: CommandModule = {
  name: 'vouch',
  summary: "answer for somebody else's layer, for some functions and until some day",
  configure(command: Command, terminal: Terminal, environment: Environment): void {
    command
      .argument('<file>', 'the zip; it stays as it is')
      .option('--key <ref>', 'private key: a file, or where else `lacre sign` takes one from')
      .option('--cert <file>', 'certificate of the key in PEM')
      .option('--chain <file>', 'intermediate certificates in PEM')
      .option('--p12 <file>', 'key and certificates in PKCS#12, instead of --key and --cert')
      .option('--passphrase-file <file>', 'its first line opens the key')
      .requiredOption('--name <glob>', 'functions it may be used by; may be repeated', collect)
      .requiredOption('--not-after <time>', 'the vouch ends at this RFC 3339 time')
      .option('--account <id>', 'for this account alone')
      .option('--out <file>', 'where the vouch goes; FILE.vouch.sigstore.json where not given')
      .action(async (file: string, options: VouchOptions) => {
        const access = { environment, prompt: secretPrompt(environment) }
        const identity = await loadIdentity(options, access)
        try {
          await vouch(file, options, identity, terminal)
        } finally {
          await identity.signer.close?.()
        }
      })
  },
}

async function vouch(
  file: string,
  options: VouchOptions,
  identity: SigningIdentity,
  terminal: Terminal,
): Promise<void> {
  const { name: names, account } = options
  const endMs = parseIsoTime(options.notAfter)
  if (endMs === undefined)
    throw new PlatformError(
      'INVALID_PARAMETER',
      `\`${options.notAfter}\` is not an RFC 3339 time with a zone`,
    )
  const notAfter = toIsoTime(endMs)
  using source = openFileSource(file)
  const artifact = await openArtifact(source)
  const unsealed = unsealedSource(artifact)
  const subject = { name: basename(file), sha256: artifact.sha256, unsealed }
  const bytes = await makeVouch({ identity }, subject, { names, account, notAfter })
  const out = options.out ?? `${file}.vouch.sigstore.json`
  writeFileFrom(out, bufferSource(bytes))
  const key = identity.publicKey.spkiSha256
  const seal = sha256(bytes)
  terminal.result(
    { file, vouch: out, sha256: artifact.sha256, seal, names: [...names], notAfter, key },
    `${inline(out)}: vouches for ${inline(file)} until ${notAfter}\nsha256  ${artifact.sha256}\nkey     SHA256:${key}`,
  )
}
