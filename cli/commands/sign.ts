import { Option, type Command } from 'commander'

import {
  parseIsoTime,
  PlatformError,
  toIsoTime,
  type SealFormat,
} from '../../services/model/index.ts'
import type { CommandModule, Environment } from '../command.ts'
import { secretPrompt } from '../prompt.ts'
import {
  loadIdentity,
  sealFile,
  timestampWitness,
  type IdentityFiles,
  type SigningIdentity,
} from '../signing/index.ts'
import { inline, type Terminal } from '../terminal.ts'

interface SignOptions extends IdentityFiles {
  readonly format?: SealFormat
  readonly kind?: 'function' | 'layer'
  readonly name?: readonly string[]
  readonly counter?: string
  readonly notAfter?: string
  readonly account?: string
  readonly detached?: string
  readonly timestampServerUrl?: readonly string[]
}

/** An option that may stand more than once. */
function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value]
}

export const command: CommandModule = {
  name: 'sign',
  summary: 'seal a zip with a signature, in place or beside it',
  configure(command: Command, terminal: Terminal, environment: Environment): void {
    command
      .argument('<file>', 'the zip')
      .option(
        '--key <ref>',
        'private key: a file, or env://, pkcs11:, awskms://, gcpkms://, azurekms://, hashivault://',
      )
      .option('--cert <file>', 'certificate of the key in PEM; makes CMS the default format')
      .option('--chain <file>', 'intermediate certificates in PEM')
      .option('--p12 <file>', 'key and certificates in PKCS#12, instead of --key and --cert')
      .option('--passphrase-file <file>', 'its first line opens the key; else COSIGN_PASSWORD')
      .addOption(new Option('--format <format>', 'form of the seal').choices(['bundle', 'cms']))
      .addOption(new Option('--kind <kind>', 'bind to a kind').choices(['function', 'layer']))
      .option('--name <glob>', 'bind to names; * stays within a segment; may be repeated', collect)
      .option('--counter <number>', 'release counter, for floors')
      .option('--not-after <time>', 'the seal ends at this RFC 3339 time')
      .option('--account <id>', 'bind to an account')
      .option('--detached <file>', 'write the seal here and leave the zip as it is')
      .option(
        '--timestamp-server-url <url>',
        'have the signature stamped by this RFC 3161 authority; may be repeated',
        collect,
      )
      .action(async (file: string, options: SignOptions) => {
        const access = { environment, prompt: secretPrompt(environment) }
        const identity = await loadIdentity(options, access)
        try {
          await sign(file, options, identity, terminal)
        } finally {
          await identity.signer.close?.()
        }
      })
  },
}

async function sign(
  file: string,
  options: SignOptions,
  identity: SigningIdentity,
  terminal: Terminal,
): Promise<void> {
  const format = options.format ?? (identity.leaf === undefined ? 'bundle' : 'cms')
  const { detached, timestampServerUrl } = options
  const witness = timestampServerUrl && timestampWitness(timestampServerUrl)
  warn(identity, terminal)
  const predicate = toPredicate(options)
  const done = await sealFile({
    file,
    identity,
    format,
    predicate,
    detached,
    ...(witness && { witness }),
  })
  if (!done.added) terminal.say(`${inline(file)} holds this very seal already`)
  const where = detached === undefined ? inline(file) : inline(detached)
  terminal.result(
    {
      file,
      ...done,
      format,
      detached: detached ?? null,
      signer: identity.leaf?.subjectText ?? null,
      key: identity.publicKey.spkiSha256,
    },
    `${where}: sealed (${format})\nsha256  ${done.sha256}\nkey     SHA256:${identity.publicKey.spkiSha256}`,
  )
}

function toPredicate(options: SignOptions) {
  const { kind, name, counter, account, notAfter } = options
  return {
    kind,
    names: name,
    counter,
    account,
    notAfter: notAfter === undefined ? undefined : toIsoTime(toTime(notAfter)),
  }
}

function toTime(text: string): number {
  const ms = parseIsoTime(text)
  if (ms === undefined)
    throw new PlatformError('INVALID_PARAMETER', `\`${text}\` is not an RFC 3339 time with a zone`)
  return ms
}

/** Said while it can still be mended: nobody would accept the seal. */
function warn({ leaf }: SigningIdentity, terminal: Terminal): void {
  if (leaf === undefined) return
  const usages = leaf.extensions.extendedKeyUsage
  const codeSigning = usages?.includes('1.3.6.1.5.5.7.3.3') ?? leaf.issuer === leaf.subject
  if (leaf.extensions.ca || !codeSigning)
    terminal.say(
      `warning: \`${inline(leaf.subjectText)}\` is no code signing certificate; the seal will not be trusted`,
    )
}
