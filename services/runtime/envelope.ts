import type { ReleaseSpec, Sha256 } from '../model/index.ts'

/**
 * What an environment is for, and for life. One that was started before that was known is told twice, by the service over its
 * channel and by the spawner with the code, and refuses unless both say the same.
 */
export interface Envelope {
  readonly functionId: string
  readonly version: string
  readonly release: Sha256
  readonly decisionId: string
  readonly codeSha256: Sha256
}

/** Lies in the directory that the code is mounted over. */
export const ENVELOPE_FILE = 'envelope'

export function envelopeOf(spec: ReleaseSpec): Envelope {
  const { functionId, version, release, decisionId, code } = spec
  return { functionId, version, release, decisionId, codeSha256: code.codeSha256 }
}

/** One text for one envelope: compared byte for byte. */
export function envelopeText(envelope: Envelope): string {
  const { functionId, version, release, decisionId, codeSha256 } = envelope
  return JSON.stringify([functionId, version, release, decisionId, codeSha256])
}
