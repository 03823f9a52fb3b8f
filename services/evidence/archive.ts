import { entryContent, openArtifact } from '../artifact/index.ts'
import { PlatformError, type ByteSource } from '../model/index.ts'

/**
 * The files of an archive, by the reader that opens every zip here: strict, bounded, each byte accounted for. Nothing is
 * written anywhere.
 * @throws PlatformError INVALID_ARTIFACT
 */
export async function readArchive(source: ByteSource): Promise<ReadonlyMap<string, Buffer>> {
  const archive = await openArtifact(source)
  if (archive.sealBlock !== undefined)
    throw new PlatformError('INVALID_ARTIFACT', 'the archive holds bytes that are of no file')
  const files = new Map<string, Buffer>()
  for (const entry of archive.entries) {
    if (entry.kind !== 'file')
      throw new PlatformError('INVALID_ARTIFACT', `\`${entry.path}\` is no file`)
    const chunks: Uint8Array[] = []
    for await (const chunk of entryContent(archive, entry)) chunks.push(Buffer.from(chunk))
    files.set(entry.path, Buffer.concat(chunks))
  }
  return files
}
