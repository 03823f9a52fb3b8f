import { findArtifact } from '../catalog/index.ts'
import type { TempFile } from '../blobs/index.ts'
import {
  PlatformError,
  limits,
  traced,
  type ArtifactIdentity,
  type Sha256,
} from '../model/index.ts'
import type { Deps } from './context.ts'
import type { ExaminedArtifact } from './gate.ts'

/** The bucket under which artifacts uploaded by digest are named (CONTRACTS "Artifact"). */
const OWN_BUCKET = 'lacre'

/** Where a request says its code is: in the request, or uploaded before. */
export type CodeSource =
  | { readonly kind: 'zip'; readonly file: TempFile }
  | { readonly kind: 'object'; readonly bucket: string; readonly key: string }

/** Code that passed the strict profile; `artifact` where its bytes are not kept yet. */
export interface OpenedCode extends Disposable {
  readonly identity: ArtifactIdentity
  readonly artifact: ExaminedArtifact | undefined
}

/**
 * Opens and examines the code off the event loop. Nothing is kept by it.
 * @throws PlatformError INVALID_ARTIFACT, INVALID_PARAMETER (no such object), REQUEST_TOO_LARGE
 */
export async function openCode(deps: Deps, source: CodeSource): Promise<OpenedCode> {
  if (source.kind === 'object') return await openObject(deps, source)
  if (source.file.sizeBytes > limits.ZIPPED_INLINE_LIMIT_BYTES) {
    throw new PlatformError(
      'REQUEST_TOO_LARGE',
      `Zipped size must be smaller than ${limits.ZIPPED_INLINE_LIMIT_BYTES} bytes`,
    )
  }
  if (source.file.sizeBytes === 0) throw emptyZip()
  return await examine(deps, source.file.source())
}

/** AWS's sentence for a zip of nothing. */
function emptyZip(): PlatformError {
  return new PlatformError('INVALID_PARAMETER', 'Uploaded file must be a non-empty zip')
}

async function openObject(
  deps: Deps,
  { bucket, key }: { readonly bucket: string; readonly key: string },
): Promise<OpenedCode> {
  if (bucket !== OWN_BUCKET) {
    throw objectError('NoSuchBucket', 'The specified bucket does not exist')
  }
  if (!/^[0-9a-f]{64}$/.test(key))
    throw objectError('NoSuchKey', 'The specified key does not exist.')
  const digest = key as Sha256
  const staged = deps.blobs.openStaged(digest)
  if (staged !== undefined) {
    const opened = await examine(deps, staged)
    if (opened.identity.codeSha256 === digest) return opened
    opened[Symbol.dispose]()
    throw new PlatformError(
      'INVALID_ARTIFACT',
      'the uploaded bytes are not those of their digest',
      {
        detail: { expected: digest, got: opened.identity.codeSha256 },
      },
    )
  }
  const known = await findArtifact(deps.store.reader, digest)
  if (known === undefined) throw objectError('NoSuchKey', 'The specified key does not exist.')
  return { identity: known, artifact: undefined, [Symbol.dispose]: () => undefined }
}

async function examine(deps: Deps, source: ExaminedArtifact['source']): Promise<OpenedCode> {
  try {
    const artifact = await traced(deps.tracer, 'open artifact', () => deps.examiner.examine(source))
    if (artifact.identity.entryCount === 0) throw emptyZip()
    return {
      identity: artifact.identity,
      artifact,
      [Symbol.dispose]: () => source[Symbol.dispose](),
    }
  } catch (error) {
    source[Symbol.dispose]()
    throw error instanceof PlatformError && error.detail['rule'] === 'zip.not-a-zip'
      ? notZip(error)
      : error
  }
}

/** Recorded: what is no zip at all; of one that breaks a rule we say which. */
function notZip(cause: PlatformError): PlatformError {
  const sentence =
    'Could not unzip uploaded file. Please check your file, then try to upload again.'
  return new PlatformError('INVALID_ARTIFACT', sentence, { cause, detail: cause.detail })
}

function objectError(code: string, message: string): PlatformError {
  return new PlatformError(
    'INVALID_PARAMETER',
    `Error occurred while GetObject. S3 Error Code: ${code}. S3 Error Message: ${message}`,
  )
}
