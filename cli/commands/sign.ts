import { Option, type Command } from 'commander'

import {
  parseIsoTime,
  PlatformError,
  toIsoTime,
  type SealFormat,
} from '../../services/model/index.ts'
import type { CommandModule, Environment } from '../command.ts'
import { openMaker, type Maker, type SigningTools } from '../maker.ts'
import {
  sealFile,
  withOnlineOptions,
  type IdentityFiles,
  type OnlineOptions,
  type SigningIdentity,
} from '../signing/index.ts'
import { inline, type Terminal } from '../terminal.ts'

interface SignOptions extends IdentityFiles, OnlineOptions {
  readonly format?: SealFormat
  readonly kind?: 'function' | 'layer'
  readonly name?: readonly string[]
  readonly counter?: string
  readonly notAfter?: string
  readonly account?: string
  readonly detached?: string
}

/** An option that may stand more than once. */
function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value]
}

export const command: CommandModule = {
  name: 'sign',
  summary: 'seal a zip with a signature, in place or beside it',
  configure(command: Command, terminal: Terminal, environment: Environment): void {
    withOnlineOptions(command)
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
      .action((file: string, options: SignOptions) =>
        sign(file, options, { terminal, environment }),
      )
  },
}

async function sign(file: string, options: SignOptions, tools: SigningTools): Promise<void> {
  const { terminal } = tools
  const predicate = toPredicate(options)
  const maker = await openMaker(options, tools, options.format)
  try {
    await seal(file, options, maker, { terminal, predicate })
  } finally {
    await maker.identity.signer.close?.()
  }
}

interface SealingTools {
  readonly terminal: Terminal
  readonly predicate: ReturnType<typeof toPredicate>
}

async function seal(
  file: string,
  options: SignOptions,
  maker: Maker,
  { terminal, predicate }: SealingTools,
): Promise<void> {
  const { identity, keyless } = maker
  const bundle = identity.leaf === undefined || keyless !== undefined
  const format = options.format ?? (bundle ? 'bundle' : 'cms')
  const { detached } = options
  if (keyless === undefined) warn(identity, terminal)
  const done = await sealFile({ ...maker, file, format, predicate, detached })
  if (!done.added) terminal.say(`${inline(file)} holds this very seal already`)
  const where = detached === undefined ? inline(file) : inline(detached)
  const who =
    keyless === undefined
      ? `key     SHA256:${identity.publicKey.spkiSha256}`
      : `signer  ${inline(keyless.identity)}\nissuer  ${inline(keyless.issuer)}`
  terminal.result(
    {
      file,
      ...done,
      format,
      detached: detached ?? null,
      signer: keyless?.identity ?? identity.leaf?.subjectText ?? null,
      issuer: keyless?.issuer ?? null,
      key: identity.publicKey.spkiSha256,
    },
    `${where}: sealed (${format})\nsha256  ${done.sha256}\n${who}`,
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
