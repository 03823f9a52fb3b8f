/**
 * A package as bytes: reads a zip so strictly that every reader of it sees the same tree, names its digests, and
 * finds and moves the seal block. Pure: no disk, no clock, no keys; it does not know what a seal says.
 */

/** Opens a zip under the strict profile; INVALID_ARTIFACT with `detail.rule` names what it breaks. */
export { archivedEntries, entryContent, openArtifact } from './open-artifact.ts'
/** A name as a path inside the root; INVALID_ARTIFACT where no package can hold it. */
export { parseEntryPath, type EntryPath } from './entry-name.ts'
/** Digests: the content ("lacre tree v1"), and all bytes of a source. */
export { compareUtf8, digestOf, treeDigest } from './digests.ts'
/** The bytes that signatures cover; the same zip with another seal block. */
export { unsealedSource, withSealBlock } from './sealing.ts'
