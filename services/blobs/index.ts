/**
 * Files by their SHA-256: admitted artifacts for ever, raw uploads for a while, temporary files for a request.
 * It knows bytes and digests, and nothing of what they mean; only an AcceptedArtifact is kept.
 */
/** Opens the blob directories under a data directory; throws OUT_OF_SPACE. */
export { openBlobs, type BlobReader, type BlobRemoval, type BlobStore } from './blob-store.ts'
/** The same to be read alone, also of a directory that somebody else is using. */
export { BlobDirectory, type BlobCondition, type Pace } from './blob-directory.ts'
/** Random access to one file; to be disposed of. */
export { type BlobSource } from './blob-source.ts'
/** A file that is gone when disposed of, unless staged first. */
export { type TempFile } from './temp-file.ts'
/** What the disk answers, typed; and names in a directory made to last. */
export { onDisk, syncDirectory, toDiskError } from './disk-errors.ts'
/** Opens a file by its path, for a worker; never through a link. */
export { openSource } from './blob-source.ts'
