import { entryContent, openArtifact } from '../../services/artifact/index.ts'
import {
  PATHS,
  derivedFiles,
  formatManifest,
  parseManifest,
  readContents,
  type Manifest,
} from '../../services/evidence/index.ts'
import { bufferSource, sha256 } from '../../services/model/index.ts'
import { zipOf } from './packages.ts'

export type ArchiveFiles = ReadonlyMap<string, Buffer>

/** The files of an archive. */
export async function unpack(bytes: Uint8Array): Promise<Map<string, Buffer>> {
  const archive = await openArtifact(bufferSource(bytes))
  const files = new Map<string, Buffer>()
  for (const entry of archive.entries) {
    const chunks: Uint8Array[] = []
    for await (const chunk of entryContent(archive, entry)) chunks.push(Buffer.from(chunk))
    files.set(entry.path, Buffer.concat(chunks))
  }
  return files
}

/** Them again as an archive, with the manifest as it is. */
export function pack(files: ArchiveFiles): Buffer {
  return zipOf(Object.fromEntries(files))
}

/** Them again as somebody who hides his traces packs them: the manifest has the digest of every file. */
export function repack(
  files: ArchiveFiles,
  change: (manifest: Manifest) => Partial<Manifest> = () => ({}),
): Buffer {
  const manifest = parseManifest(files.get(PATHS.manifest) ?? Buffer.alloc(0))
  const others = [...files].filter(([path]) => path !== PATHS.manifest)
  const digests = new Map(others.map(([path, bytes]) => [path, sha256(bytes)]))
  const text = formatManifest({ ...manifest, files: digests, ...change(manifest) })
  return pack(new Map([...others, [PATHS.manifest, Buffer.from(text)]]))
}

/** As somebody who hides all traces: what follows from the rest is made anew, and the manifest too. */
export function forge(
  files: ArchiveFiles,
  change: (manifest: Manifest) => Partial<Manifest> = () => ({}),
): Buffer {
  const bytes = files.get(PATHS.manifest) ?? Buffer.alloc(0)
  const manifest = parseManifest(bytes)
  const head = { ...manifest, ...change(manifest) }
  const core = new Map([...files].filter(([path]) => isCore(path)))
  const derived = [...derivedFiles(readContents(head, core))].map(
    ([path, text]): [string, Buffer] => [path, Buffer.from(text)],
  )
  const kept = [...files].filter(([path]) => isCore(path) || isLarge(path))
  return repack(new Map([...kept, [PATHS.manifest, bytes], ...derived]), change)
}

const isLarge = (path: string): boolean =>
  path.endsWith(PATHS.range) || path.startsWith('artifacts/')
const isCore = (path: string): boolean =>
  !isLarge(path) &&
  /^(?:(?:earlier\/\d+\/)?ledger\/|rows\.jsonl|decisions\/|policies\/(?:\d+\/set|schemas\/)|seals\/|attestations\/)/.test(
    path,
  )
