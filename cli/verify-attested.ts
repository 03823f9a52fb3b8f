import {
  limits,
  PlatformError,
  toIsoTime,
  type ArtifactIdentity,
  type AttestationReport,
  type Json,
  type TrustedPublisher,
} from '../services/model/index.ts'
import { attested, purposeOf } from '../services/trust/index.ts'
import { EXIT } from './exit-codes.ts'
import { openFileSource } from './files.ts'
import { predicateTypeOf } from './predicate-types.ts'
import { inline, type Terminal } from './terminal.ts'

export interface AttestedOptions {
  readonly type?: string
  readonly builder: readonly string[]
  readonly signature: readonly string[]
}

/**
 * Judges attestations beside a zip as a service would whose publishers these are, each for this type: exit 0 only where
 * every one of them counts. @throws PlatformError INVALID_PARAMETER
 */
export function verifyAttested(
  file: string,
  options: AttestedOptions,
  given: {
    readonly artifact: ArtifactIdentity
    readonly publishers: readonly TrustedPublisher[]
    readonly atMs: number
  },
  terminal: Terminal,
): void {
  const { type = '', builder, signature } = options
  const predicateType = predicateTypeOf(type)
  if (signature.length === 0)
    throw new PlatformError(
      'INVALID_PARAMETER',
      '--type judges attestations: give them by --signature',
    )
  const publishers = given.publishers.map((publisher) => ({
    ...publisher,
    document: {
      ...publisher.document,
      purposes: [purposeOf(predicateType)],
      ...(builder.length > 0 && { builders: builder }),
    },
  }))
  const { artifact, atMs } = given
  const { reports, facts } = attested({
    artifact,
    attestations: signature.map(readWhole),
    publishers,
    revocations: [],
    revocationLists: [],
    atMs,
  })
  const good = reports.every(
    (report) => report.outcome === 'counts' && report.predicateType === predicateType,
  )
  terminal.result(
    {
      file,
      sha256: artifact.sha256,
      predicateType,
      verified: good,
      attestations: reports.map(({ trustedTimesMs, ...report }) => ({
        ...(report as unknown as Record<string, Json>),
        trustedTimes: trustedTimesMs.map(toIsoTime),
      })),
      attested: facts as unknown as Json,
    },
    [
      `${inline(file)}: ${good ? 'attested' : 'not attested'}`,
      `sha256      ${artifact.sha256}`,
      ...reports.flatMap((report, at) => lines(report, signature[at] ?? '')),
    ].join('\n'),
  )
  if (!good) terminal.exitWith(EXIT.refused)
}

function lines(report: AttestationReport, file: string): string[] {
  const failed = report.findings.filter(({ status }) => status === 'failed')
  return [
    `${inline(file)}: ${report.outcome}, ${inline(report.predicateType ?? 'not readable')}, ${inline(report.signer ?? 'signer unknown')}`,
    ...report.trustedTimesMs.map((ms) => `  at        ${toIsoTime(ms)} (trusted time)`),
    ...failed.flatMap(({ expected, got, fix }) => [
      `  expected  ${inline(expected)}`,
      `  got       ${inline(got)}`,
      ...(fix === undefined ? [] : [`  fix       ${inline(fix)}`]),
    ]),
  ]
}

function readWhole(path: string): Uint8Array {
  using source = openFileSource(path)
  if (source.sizeBytes > limits.ATTESTATION_LIMIT_BYTES)
    throw new PlatformError(
      'INVALID_PARAMETER',
      `\`${path}\` is larger than ${limits.ATTESTATION_LIMIT_BYTES} bytes`,
    )
  return source.read(0, source.sizeBytes)
}
