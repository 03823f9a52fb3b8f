import type { ByteSource } from './byte-source.ts'
import type { Sha256 } from './digest.ts'

declare const accepted: unique symbol

export type EntryKind = 'file' | 'symlink' | 'directory'

/** One entry of a package, as every reader of the zip sees it. */
export interface ArtifactEntry {
  /** UTF-8, `/` separated, no trailing slash. */
  readonly path: string
  readonly kind: EntryKind
  /** 0o644 or 0o755 for files, else 0. */
  readonly mode: number
  /** Bytes of content (of the link target for a symlink). */
  readonly sizeBytes: number
  /** Of the content (of the link target for a symlink; of nothing for a directory). */
  readonly sha256: Sha256
}

export interface ArtifactIdentity {
  /** The bytes as uploaded, seal block included: the blob's key and AWS's CodeSha256. */
  readonly codeSha256: Sha256
  /** The bytes without the seal block: what is signed. */
  readonly sha256: Sha256
  /** The content, RULES §3: "lacre tree v1". */
  readonly tree: Sha256
  readonly sizeBytes: number
  readonly unzippedBytes: number
  readonly entryCount: number
}

/** A zip that passed the strict profile. */
export interface Artifact extends ArtifactIdentity {
  readonly source: ByteSource
  readonly entries: readonly ArtifactEntry[]
  /** Where the seal block stands in `source`, if there is one. */
  readonly sealBlock: { readonly offset: number; readonly length: number } | undefined
}

/**
 * An artifact with the decision that admitted it. Made by `trust.accept` alone; `blobs.put` and
 * `catalog` take nothing weaker, so "checked one thing, kept another" does not compile.
 */
export interface AcceptedArtifact {
  readonly [accepted]: true
  readonly identity: ArtifactIdentity
  readonly source: ByteSource
  readonly decisionId: string
}
