/**
 * From a directory to a reproducible zip. Knows the disk and archiver; the time comes from its caller, and what a
 * package may hold is said by services/artifact.
 */

/** Packs a directory; INVALID_ARTIFACT where no package can hold it. */
export { packDirectory, type PackOptions, type Packed } from './pack.ts'
