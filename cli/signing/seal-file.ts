import { realpathSync, statSync } from 'node:fs'
import { basename } from 'node:path'

import { openArtifact, unsealedSource, withSealBlock } from '../../services/artifact/index.ts'
import {
  bufferSource,
  PlatformError,
  sha256,
  type Artifact,
  type Json,
  type PublisherDocument,
  type SealFormat,
  type SealInput,
  type SealReport,
  type TrustedPublisher,
} from '../../services/model/index.ts'
import { encodeSealBlock } from '../../services/seal/index.ts'
import { collectSeals, judge, publisherFromPem } from '../../services/trust/index.ts'
import { openFileSource, writeFileFrom } from '../files.ts'
import { confirmSeal } from './confirm-seal.ts'
import { makeSeal, type SealMaker } from './make-seal.ts'
import type { SigningIdentity } from './signing-identity.ts'

export interface SealRequest extends SealMaker {
  readonly file: string
  readonly format: SealFormat
  readonly predicate: Readonly<Record<string, Json | undefined>>
  /** Whom the seal has to satisfy; else it is not written. */
  readonly expected?: PublisherDocument
  /** Where the seal goes; into the zip where it is absent. */
  readonly detached: string | undefined
}

export interface SealResult {
  /** What was signed. */
  readonly sha256: string
  /** The file after it; unchanged where the seal is detached. */
  readonly codeSha256: string
  /** SHA-256 of the seal's bytes. */
  readonly seal: string
  readonly seals: number
  readonly added: boolean
}

/**
 * Signs the unsealed bytes and puts the seal into the zip, beside those already there, or into a file of its own. The
 * zip is replaced whole or not at all.
 * @throws PlatformError INVALID_ARTIFACT, INVALID_SEAL, INVALID_PARAMETER
 */
export async function sealFile(request: SealRequest): Promise<SealResult> {
  const path = realpathSync(request.file)
  using source = openFileSource(path)
  const artifact = await openArtifact(source)
  const present = collectSeals(artifact, [])
  const subject = {
    name: basename(request.file),
    sha256: artifact.sha256,
    unsealed: unsealedSource(artifact),
  }
  const bytes = await makeSeal(request.format, request, subject, request.predicate)
  const seal: SealInput = { format: request.format, place: 'block', bytes }
  const repeated = present.some((one) => Buffer.from(one.bytes).equals(bytes))
  checkSeals(artifact, repeated ? present : [...present, seal], request.identity)
  const { expected: document, predicate } = request
  if (document !== undefined) confirmSeal(artifact, seal, { document, predicate })
  const digest = sha256(bytes)
  if (request.detached !== undefined) {
    writeFileFrom(request.detached, bufferSource(bytes))
    return result(artifact, artifact.codeSha256, { digest, seals: present.length, added: true })
  }
  if (repeated)
    return result(artifact, artifact.codeSha256, { digest, seals: present.length, added: false })
  const sealed = withSealBlock(artifact, encodeSealBlock([...present, seal]))
  const after = await openArtifact(sealed)
  if (after.sha256 !== artifact.sha256)
    throw new PlatformError('INTERNAL', 'sealing would have changed what is signed')
  writeFileFrom(path, sealed, statSync(path).mode & 0o777)
  return result(artifact, after.codeSha256, { digest, seals: present.length + 1, added: true })
}

function result(
  artifact: Artifact,
  codeSha256: string,
  seal: { readonly digest: string; readonly seals: number; readonly added: boolean },
): SealResult {
  const { digest, seals, added } = seal
  return { sha256: artifact.sha256, codeSha256, seal: digest, seals, added }
}

/** A zip whose seals are broken stays broken whatever is added; and what we just made must be readable to others. */
function checkSeals(
  artifact: Artifact,
  seals: readonly SealInput[],
  identity: SigningIdentity,
): void {
  const verdict = judge({
    artifact,
    unsealed: unsealedSource(artifact),
    kind: 'function',
    name: 'signing',
    account: '000000000000',
    seals,
    publishers: ownPublisher(identity),
    revocations: [],
    atMs: 0,
  })
  const broken = verdict.seals.findIndex(({ outcome }) => outcome === 'tampered')
  const report: SealReport | undefined = verdict.seals[broken]
  const reason = report?.findings.find(({ status }) => status === 'failed')
  if (report !== undefined)
    throw new PlatformError(
      'INVALID_SEAL',
      `seal ${broken + 1} would make the zip count as tampered: ${reason?.got ?? 'it is malformed'}`,
      { detail: { rule: reason?.reason ?? 'malformed' } },
    )
}

/** A plain key is not in its seal: it has to be known for the signature to be checked. A certificate brings its own. */
function ownPublisher({ leaf, publicKey }: SigningIdentity): TrustedPublisher[] {
  if (leaf !== undefined) return []
  const pem = publicKey.object.export({ format: 'pem', type: 'spki' }).toString()
  return [
    {
      id: 'own',
      name: 'own',
      version: 'own',
      arn: 'own',
      status: 'Active',
      createdAtMs: 0,
      document: publisherFromPem(pem),
      allowed: true,
    },
  ]
}
