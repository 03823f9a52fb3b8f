import { basename } from 'node:path'

import { Option, type Command } from 'commander'

import { digestOf, openArtifact, unsealedSource } from '../../services/artifact/index.ts'
import {
  limits,
  parseIsoTime,
  parseSha256,
  PlatformError,
  systemClock,
  toIsoTime,
  type Artifact,
  type ByteSource,
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
  revocationListPem,
  timestampAuthorityFromPem,
  type JudgeInput,
} from '../../services/trust/index.ts'
import type { CommandModule } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { countedSource } from '../counted-source.ts'
import { openFileSource } from '../files.ts'
import { readSmallFile } from '../signing/index.ts'
import { isKeyless, keylessDocument, readTrustedRoot, type KeylessOptions } from '../keyless.ts'
import { inline, type Terminal } from '../terminal.ts'
import { verifyAttested, type AttestedOptions } from '../verify-attested.ts'

interface VerifyOptions extends KeylessOptions, AttestedOptions {
  readonly key: readonly string[]
  readonly root: readonly string[]
  readonly form: readonly SealForm[]
  readonly timestampAuthority: readonly string[]
  readonly at?: string
  readonly kind: 'function' | 'layer'
  readonly name?: string
  readonly account: string
  readonly crl: readonly string[]
  readonly blob?: boolean
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
      .option(
        '--crl <file>',
        'revocation list, DER or PEM: it must cover the signer under --root; may be repeated',
        many,
        [],
      )
      .option(
        '--certificate-identity <identity>',
        'keyless: the signer, exactly or with `*` inside a segment',
      )
      .option('--certificate-oidc-issuer <url>', 'keyless: who vouched for the signer, exactly')
      .option('--trusted-root <file>', 'Sigstore TrustedRoot (JSON) whose logs and times count')
      .option(
        '--claim <name=value>',
        'keyless: what the certificate must say; may be repeated',
        many,
        [],
      )
      .option('--type <type>', 'judge attestations of this type, given by --signature, instead')
      .option('--builder <id>', 'whose provenance counts; may be repeated', many, [])
      .option('--blob', 'judge the bytes of the file as they are, not as a zip')
      .action((file: string, options: VerifyOptions) => verify(file, options, terminal))
  },
}

async function verify(file: string, options: VerifyOptions, terminal: Terminal): Promise<void> {
  const atMs = toTime(options.at)
  const publishers = toPublishers(options, atMs)
  using opened = openFileSource(file)
  const source = countedSource(opened, terminal.progress('verifying', 'bytes'))
  if (options.type !== undefined) {
    const artifact = await openArtifact(source)
    return verifyAttested(file, options, { artifact, publishers, atMs }, terminal)
  }
  const subject =
    options.blob === true ? openBlob(source, options) : await openZip(source, options, terminal)
  const { artifact } = subject
  const judged = judgeAs(subject, options, { publishers, atMs })
  const verdict = options.name === undefined ? withNameFix(judged) : judged
  if (publishers.length === 0)
    terminal.say('nothing is trusted: give --key, --root or --certificate-identity')
  terminal.result(toJson(file, artifact.sha256, verdict), toText(file, artifact.sha256, verdict))
  if (verdict.kind !== 'trusted') terminal.exitWith(EXIT.refused)
}

function judgeAs(
  subject: Subject,
  { kind, name = NO_NAME, account }: VerifyOptions,
  trusting: Pick<JudgeInput, 'publishers' | 'atMs'>,
): Verdict {
  return judge({ ...subject, kind, name, account, ...trusting, revocations: [] })
}

/** Whom the options of another command trust, in the words of this one. */
export type Trusting = Partial<Pick<VerifyOptions, 'key' | 'name'>> & KeylessOptions

/** A zip opened and its seals judged, as `lacre verify` does. @throws PlatformError as it does */
export async function judgeZip(
  source: ByteSource,
  trusting: Trusting,
  terminal: Terminal,
): Promise<{ readonly artifact: Artifact; readonly verdict: Verdict }> {
  const options: VerifyOptions = {
    key: [],
    root: [],
    form: [],
    timestampAuthority: [],
    crl: [],
    builder: [],
    signature: [],
    kind: 'function',
    account: '000000000000',
    ...trusting,
  }
  const atMs = systemClock.nowMs()
  const subject = await openZip(source, options, terminal)
  const publishers = toPublishers(options, atMs)
  return { artifact: subject.artifact, verdict: judgeAs(subject, options, { publishers, atMs }) }
}

type Subject = Pick<
  JudgeInput,
  'artifact' | 'unsealed' | 'sealed' | 'seals' | 'unchecked' | 'awsSigned'
>

async function openZip(
  source: ByteSource,
  { signature }: VerifyOptions,
  terminal: Terminal,
): Promise<Subject & { readonly artifact: Artifact }> {
  const artifact = await openArtifact(source)
  const foreign = await readAwsSignature(artifact)
  return {
    ...(foreign && { unchecked: [describeAwsSignature(foreign)], awsSigned: true }),
    artifact,
    unsealed: unsealedSource(artifact),
    sealed: source,
    seals: sealsOf(artifact, signature.map(readDetached), terminal),
  }
}

/** A block that cannot be read is judged as the one unreadable seal that it is, as the service does: tampered. */
function sealsOf(
  artifact: Artifact,
  detached: readonly SealInput[],
  terminal: Terminal,
): readonly SealInput[] {
  const { sealBlock, source } = artifact
  try {
    collectSeals(artifact, [])
  } catch (error) {
    if (!(error instanceof PlatformError) || sealBlock === undefined) throw error
    terminal.say(error.message)
    const length = Math.min(sealBlock.length, limits.SEAL_PAYLOAD_LIMIT_BYTES)
    const bytes = source.read(sealBlock.offset, length)
    return [{ format: 'bundle', place: 'block', bytes }, ...detached]
  }
  return collectSeals(artifact, detached)
}

/** Any file: it has no entries, no seal block, and no other digest than its own. */
function openBlob(source: ByteSource, { signature }: VerifyOptions): Subject {
  const digest = parseSha256(Buffer.from(digestOf(source, 'sha256')).toString('hex'))
  const artifact = {
    codeSha256: digest,
    sha256: digest,
    tree: digest,
    sizeBytes: source.sizeBytes,
    unzippedBytes: source.sizeBytes,
    entryCount: 0,
  }
  return { artifact, unsealed: source, seals: signature.map(readDetached) }
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
  if (options.crl.length > 0 && root.length === 0)
    throw new PlatformError('INVALID_PARAMETER', '--crl goes with --root: a public key has no list')
  const lists = options.crl.map((path) => ({ pem: revocationListPem(readSmallFile(path)) }))
  const files = [
    ...key.map((path) => ['key', path] as const),
    ...root.map((path) => ['x509', path] as const),
  ]
  const trustedRoot =
    options.trustedRoot === undefined ? undefined : readTrustedRoot(options.trustedRoot)
  const keyless = isKeyless(options) ? [toKeyless(options, atMs)] : []
  const named = files.map(([kind, path], index): TrustedPublisher => {
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
        ...(trustedRoot !== undefined && { trustedRoot }),
        ...(kind === 'x509' && lists.length > 0 && { revocation: { lists, onFailure: 'closed' } }),
      },
      allowed: true,
    }
  })
  return [...named, ...keyless]
}

function toKeyless(options: VerifyOptions, atMs: number): TrustedPublisher {
  const { form, certificateIdentity = '' } = options
  return {
    id: 'keyless',
    name: certificateIdentity,
    version: 'options',
    arn: certificateIdentity,
    status: 'Active',
    createdAtMs: atMs,
    document: keylessDocument(options, form.length > 0 ? { forms: form } : {}),
    allowed: true,
  }
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
  const { signer, publisher, trustedTimesMs, expiresAtMs, findings, unchecked, ...more } = seal
  const { times = [], logs = [], ...plain } = more
  return {
    ...plain,
    signer: signer === undefined ? null : { ...signer },
    publisher: publisher === undefined ? null : { ...publisher },
    trustedTimes: trustedTimesMs.map(toIsoTime),
    times: times.map(({ atMs, ...time }) => ({ at: toIsoTime(atMs), ...time })),
    logs: logs.map(({ integratedTimeMs: ms, ...log }) => ({
      ...log,
      integratedTime: ms === undefined ? null : toIsoTime(ms),
    })),
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
    ...(seal.logs ?? []).map(
      (log) => `            log       ${inline(log.baseUrl)} entry ${log.index} (${log.proof})`,
    ),
    ...unchecked.map((item) => `            unchecked ${inline(item)}`),
  ]
}
