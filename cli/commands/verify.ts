import { basename } from 'node:path'

import { Option, type Command } from 'commander'

import { openArtifact, unsealedSource } from '../../services/artifact/index.ts'
import {
  parseIsoTime,
  PlatformError,
  systemClock,
  toIsoTime,
  type Json,
  type SealFinding,
  type SealForm,
  type SealInput,
  type SealReport,
  type TrustedPublisher,
  type Verdict,
} from '../../services/model/index.ts'
import { formatOfDetached } from '../../services/seal/index.ts'
import {
  collectSeals,
  describeAwsSignature,
  distinctSigners,
  judge,
  publisherFromPem,
  readAwsSignature,
  timestampAuthorityFromPem,
} from '../../services/trust/index.ts'
import type { CommandModule } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { openFileSource } from '../files.ts'
import { readSmallFile } from '../signing/index.ts'
import { inline, type Terminal } from '../terminal.ts'

interface VerifyOptions {
  readonly key: readonly string[]
  readonly root: readonly string[]
  readonly form: readonly SealForm[]
  readonly signature: readonly string[]
  readonly timestampAuthority: readonly string[]
  readonly at?: string
  readonly kind: 'function' | 'layer'
  readonly name?: string
  readonly account: string
  readonly certificateIdentity?: string
  readonly certificateOidcIssuer?: string
  readonly trustedRoot?: string
}

/** What bound names are judged against where none is given: only a glob for every name fits. */
const NO_NAME = '(no --name given)'
const NAME_FIX = 'give --name with the name it is to be used under: the seal binds names'

export const command: CommandModule = {
  name: 'verify',
  summary: "judge a zip's seals: exit 0 only if it is trusted; needs no network and no account",
  configure(command: Command, terminal: Terminal): void {
    const many = (value: string, before: readonly string[]): readonly string[] => [...before, value]
    command
      .argument('<file>', 'the zip')
      .option('--key <file>', 'public key in PEM to trust; may be repeated', many, [])
      .option('--root <file>', 'root certificate in PEM to trust; may be repeated', many, [])
      .addOption(
        new Option('--form <form>', 'forms that count; default: statement for keys, cms for roots')
          .choices(['statement', 'message', 'cms'])
          .argParser((value: string, before: readonly string[]) => many(value, before))
          .default([]),
      )
      .option(
        '--signature <file>',
        'a detached seal beside those in the zip; may be repeated',
        many,
        [],
      )
      .option(
        '--timestamp-authority <file>',
        'certificates in PEM of an RFC 3161 authority to trust; may be repeated',
        many,
        [],
      )
      .option('--at <time>', 'judge as at this RFC 3339 time instead of now')
      .addOption(
        new Option('--kind <kind>', 'what it is to be used as')
          .choices(['function', 'layer'])
          .default('function'),
      )
      .option('--name <name>', 'the function or layer it is for, where the seal binds names')
      .option('--account <id>', 'the account it is for', '000000000000')
      .option('--certificate-identity <identity>', 'keyless: not built in this version')
      .option('--certificate-oidc-issuer <url>', 'keyless: not built in this version')
      .option('--trusted-root <file>', 'keyless: not built in this version')
      .action((file: string, options: VerifyOptions) => verify(file, options, terminal))
  },
}

async function verify(file: string, options: VerifyOptions, terminal: Terminal): Promise<void> {
  const keyless =
    options.certificateIdentity ?? options.certificateOidcIssuer ?? options.trustedRoot
  if (keyless !== undefined)
    throw new PlatformError(
      'NOT_BUILT',
      'keyless verification (--certificate-identity, --trusted-root) is not built in this version: give --key or --root',
    )
  const atMs = toTime(options.at)
  const publishers = toPublishers(options, atMs)
  using source = openFileSource(file)
  const artifact = await openArtifact(source)
  const foreign = await readAwsSignature(artifact)
  const judged = judge({
    artifact,
    unsealed: unsealedSource(artifact),
    sealed: source,
    kind: options.kind,
    name: options.name ?? NO_NAME,
    account: options.account,
    seals: collectSeals(artifact, options.signature.map(readDetached)),
    ...(foreign && { unchecked: [describeAwsSignature(foreign)] }),
    publishers,
    revocations: [],
    atMs,
  })
  const verdict = options.name === undefined ? withNameFix(judged) : judged
  if (publishers.length === 0) terminal.say('nothing is trusted: give --key or --root')
  terminal.result(toJson(file, artifact.sha256, verdict), toText(file, artifact.sha256, verdict))
  if (verdict.kind !== 'trusted') terminal.exitWith(EXIT.refused)
}

/** The remedy is the caller's here, not the signer's. */
function withNameFix(verdict: Verdict): Verdict {
  const mend = (finding: SealFinding): SealFinding =>
    finding.reason === 'name-binding' ? { ...finding, fix: NAME_FIX } : finding
  return { ...verdict, findings: verdict.findings.map(mend) }
}

function toTime(text: string | undefined): number {
  if (text === undefined) return systemClock.nowMs()
  const ms = parseIsoTime(text)
  if (ms === undefined)
    throw new PlatformError('INVALID_PARAMETER', `\`${text}\` is not an RFC 3339 time with a zone`)
  return ms
}

function readDetached(path: string): SealInput {
  const bytes = readSmallFile(path)
  return { format: formatOfDetached(bytes), place: 'detached', bytes }
}

/** Each file is a publisher of its own, by the rules of the service, so that both say the same. */
function toPublishers(options: VerifyOptions, atMs: number): TrustedPublisher[] {
  const { key, root, form } = options
  const timestampAuthorities = options.timestampAuthority.map((path) =>
    timestampAuthorityFromPem(readSmallFile(path).toString('latin1')),
  )
  const files = [
    ...key.map((path) => ['key', path] as const),
    ...root.map((path) => ['x509', path] as const),
  ]
  return files.map(([kind, path], index) => {
    const document = publisherFromPem(readSmallFile(path).toString('latin1'))
    if (document.kind !== kind)
      throw new PlatformError(
        'INVALID_PARAMETER',
        kind === 'key'
          ? `\`${path}\` is no public key: give it as --root`
          : `\`${path}\` is no certificate: give it as --key`,
      )
    return {
      id: `file-${index}`,
      name: basename(path),
      version: 'file',
      arn: path,
      status: 'Active',
      createdAtMs: atMs,
      document: {
        ...document,
        ...(form.length > 0 && { forms: form }),
        ...(timestampAuthorities.length > 0 && { timestampAuthorities }),
      },
      allowed: true,
    }
  })
}

function toJson(file: string, sha256: string, verdict: Verdict): Json {
  const { kind, findings, seals, unchecked = [], validUntilMs } = verdict
  return {
    file,
    verdict: kind,
    trusted: kind === 'trusted',
    sha256,
    validUntil: validUntilMs === undefined ? null : toIsoTime(validUntilMs),
    signers: distinctSigners(verdict).map(({ display }) => display),
    checks: findings.map((finding) => ({ ...finding })),
    seals: seals.map(sealJson),
    unchecked: [...unchecked],
  }
}

function sealJson(seal: SealReport): Json {
  const { signer, publisher, trustedTimesMs, expiresAtMs, findings, unchecked, ...plain } = seal
  return {
    ...plain,
    signer: signer === undefined ? null : { ...signer },
    publisher: publisher === undefined ? null : { ...publisher },
    trustedTimes: trustedTimesMs.map(toIsoTime),
    expiresAt: expiresAtMs === undefined ? null : toIsoTime(expiresAtMs),
    findings: findings.map((finding) => ({ ...finding })),
    unchecked: [...unchecked],
  }
}

function toText(file: string, sha256: string, verdict: Verdict): string {
  const { kind, findings, seals, unchecked = [] } = verdict
  return [
    `${inline(file)}: ${kind}`,
    `sha256      ${sha256}`,
    ...findings.flatMap(findingLines),
    ...seals.flatMap(sealLines),
    ...unchecked.map((item) => `unchecked   ${inline(item)}`),
  ].join('\n')
}

function findingLines(finding: SealFinding): string[] {
  const { rule, status, reason, expected, got, nearest, fix } = finding
  const head = `${rule.padEnd(11)} ${status}  ${inline(got)}${reason === undefined ? '' : ` (${reason})`}`
  if (status === 'passed') return [head]
  return [
    head,
    `            expected  ${inline(expected)}`,
    ...(nearest === undefined ? [] : [`            nearest   ${inline(nearest)}`]),
    ...(fix === undefined ? [] : [`            fix       ${inline(fix)}`]),
  ]
}

function sealLines(seal: SealReport, index: number): string[] {
  const { outcome, place, format, form, signer, expiresAtMs, unchecked, findings } = seal
  const times = seal.trustedTimesMs.map(toIsoTime)
  const until = expiresAtMs === undefined ? '' : `, until ${toIsoTime(expiresAtMs)}`
  const who = signer === undefined ? 'signer unknown' : inline(signer.display)
  const what = form === undefined || form === format ? format : `${format} ${form}`
  const why = findings.find(({ status }) => status === 'failed')?.reason
  return [
    `seal ${index + 1}      ${outcome}  ${place} ${what}, ${who}${until}${why === undefined ? '' : ` (${why})`}`,
    ...times.map((time) => `            at        ${time} (trusted time)`),
    ...unchecked.map((item) => `            unchecked ${inline(item)}`),
  ]
}
