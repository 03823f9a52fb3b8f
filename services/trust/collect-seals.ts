import { limits, type Artifact, type SealInput } from '../model/index.ts'
import { decodeSealBlock, malformed } from '../seal/index.ts'

/**
 * The seals in the zip's block and those beside it; detached ones add and never replace.
 * @throws PlatformError INVALID_SEAL where the block is malformed, which the caller treats as tampered
 */
export function collectSeals(artifact: Artifact, detached: readonly SealInput[]): SealInput[] {
  if (detached.length > limits.DETACHED_SEALS_LIMIT)
    throw malformed(
      'detached-count',
      `at most ${limits.DETACHED_SEALS_LIMIT} detached seals are looked at, there are ${detached.length}`,
    )
  const { sealBlock, source } = artifact
  const inside =
    sealBlock === undefined ? [] : decodeSealBlock(source.read(sealBlock.offset, sealBlock.length))
  return [...inside, ...detached.map((seal): SealInput => ({ ...seal, place: 'detached' }))]
}
