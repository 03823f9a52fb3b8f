import { readFileSync } from 'node:fs'

import { openArtifact } from '../../services/artifact/index.ts'
import { limits, type ByteSource, type SealFormat } from '../../services/model/index.ts'
import { openFileSource } from '../files.ts'
import { narrate, paths, type JsonObject, type Service } from '../service/index.ts'
import type { Terminal } from '../terminal.ts'

/** What `Code` holds in a request. */
export type CodeMember = JsonObject

export interface Package {
  readonly file: string
  readonly seals: readonly string[]
}

/**
 * Checks the zip here first (what the service would refuse is refused without an upload), then gets its bytes there:
 * inside the request where AWS allows it, else by digest. Detached seals want the bytes there before them.
 * @throws PlatformError INVALID_ARTIFACT, and what the service answers
 */
export async function prepareCode(
  service: Service,
  terminal: Terminal,
  given: Package,
): Promise<CodeMember> {
  using source = openFileSource(given.file)
  const { codeSha256 } = await openArtifact(source)
  if (given.seals.length === 0 && source.sizeBytes < limits.ZIPPED_INLINE_LIMIT_BYTES) {
    return { ZipFile: Buffer.from(source.read(0, source.sizeBytes)).toString('base64') }
  }
  await uploadZip(service, terminal, { source, codeSha256 })
  if (given.seals.length > 0)
    await attachSeals(service, terminal, { codeSha256, files: given.seals })
  // CONTRACTS "Artifact": uploaded bytes are named by their digest in a bucket of this name.
  return { S3Bucket: 'lacre', S3Key: codeSha256 }
}

/** Gets the bytes there by their digest; the same ones twice are kept once. */
export async function uploadZip(
  service: Service,
  terminal: Terminal,
  { source, codeSha256 }: { readonly source: ByteSource; readonly codeSha256: string },
): Promise<void> {
  terminal.say(`uploading ${source.sizeBytes} bytes as ${codeSha256}`)
  const progress = terminal.progress('uploading', 'bytes')
  await service.send({
    method: 'PUT',
    path: paths.artifact(codeSha256),
    headers: { 'content-type': 'application/zip' },
    body: source,
    onProgress: (done, total) => progress.update(done, total),
  })
  progress.end()
}

async function attachSeals(
  service: Service,
  terminal: Terminal,
  given: { readonly codeSha256: string; readonly files: readonly string[] },
): Promise<void> {
  const seals = given.files.map((file) => {
    const bytes = readFileSync(file)
    return { format: formatOf(bytes), body: bytes.toString('base64') }
  })
  const { decisionId } = await service.change('PUT', paths.seals(given.codeSha256), { seals })
  await narrate(service, terminal, { what: `${seals.length} detached seals`, id: decisionId })
}

/** A bundle is a JSON object; CMS is DER or PEM. */
function formatOf(bytes: Uint8Array): SealFormat {
  return /^\s*\{/.test(Buffer.from(bytes.subarray(0, 64)).toString('latin1')) ? 'bundle' : 'cms'
}
