import { basename } from 'node:path'

import type { Command } from 'commander'

import { openArtifact } from '../../services/artifact/index.ts'
import {
  bufferSource,
  limits,
  parseStrictJson,
  PlatformError,
  sha256,
  type Artifact,
  type ByteSource,
  type Json,
} from '../../services/model/index.ts'
import { decodeBundle } from '../../services/seal/index.ts'
import type { CommandModule, Environment } from '../command.ts'
import { attachBundle, saveSummary } from '../deploying/index.ts'
import { openFileSource, writeFileFrom } from '../files.ts'
import { openMaker, type Maker, type SigningTools } from '../maker.ts'
import { predicateTypeOf } from '../predicate-types.ts'
import { connect, withConnection, type ConnectionOptions } from '../service/index.ts'
import {
  confirmAttestation,
  makeAttestation,
  withOnlineOptions,
  type IdentityFiles,
  type OnlineOptions,
} from '../signing/index.ts'
import { inline } from '../terminal.ts'

interface AttestOptions extends IdentityFiles, OnlineOptions, ConnectionOptions {
  readonly predicate?: string
  readonly type?: string
  readonly detached?: string
  readonly upload?: boolean
  readonly attach?: readonly string[]
  readonly decision?: string
}

const several = (value: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  value,
]

export const command: CommandModule = {
  name: 'attest',
  summary: 'say something about a zip under a signature, and attach what was said',
  configure(command: Command, terminal, environment: Environment): void {
    withConnection(withOnlineOptions(command))
      .argument('[file]', 'the zip; it stays as it is')
      .option('--predicate <file>', 'what is said, in JSON')
      .option(
        '--type <type>',
        'slsaprovenance1, cyclonedx, spdx, vuln, openvex, test-result … or a URI',
      )
      .option('--key <ref>', 'private key: a file, or where else `lacre sign` takes one from')
      .option('--cert <file>', 'certificate of the key in PEM')
      .option('--chain <file>', 'intermediate certificates in PEM')
      .option('--p12 <file>', 'key and certificates in PKCS#12, instead of --key and --cert')
      .option('--passphrase-file <file>', 'its first line opens the key; else COSIGN_PASSWORD')
      .option('--timestamp-server-url <url>', 'have it stamped (RFC 3161); repeatable', several)
      .option('--detached <file>', 'where it goes; FILE.TYPE.sigstore.json where not given')
      .option('--upload', 'attach it at the service, too')
      .option('--attach <bundle...>', 'attach these bundles, which are there already')
      .option('--decision <id>', "save the service's own summary of this decision (VSA)")
      .action((file: string | undefined, options: AttestOptions) =>
        attest(file, options, { terminal, environment }),
      )
  },
}

async function attest(
  file: string | undefined,
  options: AttestOptions,
  tools: SigningTools,
): Promise<void> {
  const { decision, attach, detached } = options
  if (decision !== undefined) {
    const service = connect(options, tools.environment)
    return await saveSummary(service, tools.terminal, { decision, out: detached })
  }
  if (file === undefined) throw usage('give the zip, or --decision')
  using source = openFileSource(file)
  const artifact = await openArtifact(source)
  if (attach === undefined) return await make(file, options, { ...tools, artifact, source })
  const results: Json[] = []
  for (const path of attach) {
    const bundle = readWhole(path)
    const attached = await upload(bundle, options, { ...tools, artifact, source })
    // Refused by the gate: told, with the exit code of a refusal.
    if (attached === undefined) return
    results.push({ bundle: path, attestation: attached })
  }
  const lines = attach.map((path) => `${inline(path)}: attached to ${artifact.sha256}`)
  tools.terminal.result({ file, sha256: artifact.sha256, attached: results }, lines.join('\n'))
}

interface Making extends SigningTools {
  readonly artifact: Artifact
  readonly source: ByteSource
}

async function make(file: string, options: AttestOptions, making: Making): Promise<void> {
  const { predicate: path, type } = options
  if (path === undefined || type === undefined) throw usage('give --predicate and --type')
  const { artifact, terminal } = making
  const said = { predicateType: predicateTypeOf(type), predicate: readPredicate(path) }
  const subject = { name: basename(file), sha256: artifact.sha256 }
  const maker = await openMaker(options, making)
  const bundle = await signed(maker, artifact, { subject, said })
  const out = options.detached ?? `${file}.${/^[\w-]+$/.test(type) ? type : 'att'}.sigstore.json`
  writeFileFrom(out, bufferSource(bundle))
  const attached = options.upload === true ? await upload(bundle, options, making) : null
  if (attached === undefined) return
  const { predicateType } = said
  const key = maker.identity.publicKey.spkiSha256
  terminal.result(
    {
      file,
      sha256: artifact.sha256,
      predicateType,
      bundle: out,
      digest: sha256(bundle),
      signer: maker.keyless?.identity ?? null,
      key,
      attached,
    },
    `${inline(out)}: attests ${inline(predicateType)} of ${inline(file)}\nsha256  ${artifact.sha256}\n${maker.keyless === undefined ? `key     SHA256:${key}` : `signer  ${inline(maker.keyless.identity)}`}`,
  )
}

async function signed(
  maker: Maker,
  artifact: Artifact,
  {
    subject,
    said,
  }: {
    readonly subject: Parameters<typeof makeAttestation>[1]
    readonly said: Parameters<typeof makeAttestation>[2]
  },
): Promise<Uint8Array> {
  try {
    const bundle = await makeAttestation(maker, subject, said)
    const { content } = decodeBundle(bundle, 'detached')
    const payload = content.kind === 'statement' ? content.payload : new Uint8Array()
    confirmAttestation(artifact, { bundle, payload }, maker)
    return bundle
  } finally {
    await maker.identity.signer.close?.()
  }
}

async function upload(
  bundle: Uint8Array,
  options: AttestOptions,
  { terminal, environment, artifact, source }: Making,
): Promise<Json | undefined> {
  const service = connect(options, environment)
  const { codeSha256 } = artifact
  return await attachBundle(service, terminal, { codeSha256, source, bundle })
}

/** What is no JSON is wrong with what was asked for. */
function readPredicate(path: string): Json {
  try {
    return parseStrictJson(readWhole(path))
  } catch (error) {
    if (!(error instanceof PlatformError) || error.code !== 'INVALID_REQUEST_CONTENT') throw error
    throw usage(`\`${path}\`: ${error.publicMessage}`)
  }
}

function readWhole(path: string): Uint8Array {
  using source = openFileSource(path)
  if (source.sizeBytes > limits.ATTESTATION_LIMIT_BYTES)
    throw usage(`\`${path}\` is larger than ${limits.ATTESTATION_LIMIT_BYTES} bytes`)
  return source.read(0, source.sizeBytes)
}

function usage(message: string): PlatformError {
  return new PlatformError('INVALID_PARAMETER', message)
}
