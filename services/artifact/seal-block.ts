import { limits, type ByteSource } from '../model/index.ts'
import { bufferOf } from './bytes.ts'
import { refusal } from './refusal.ts'

const MAGIC = Buffer.from('LACRE SEAL v1\0\0\0', 'latin1')
const SIZE_BYTES = 8
/** The second size and the magic. */
const FOOTER_BYTES = SIZE_BYTES + MAGIC.length

export interface BlockPlace {
  readonly offset: number
  readonly length: number
}

/**
 * The seal block between the end of the last entry and the central directory, found from structure and not from
 * its magic (RULES §3): nothing stands there, or exactly one block whose two sizes agree and whose pairs fill it.
 * What the pairs say is judged by `seal`.
 * @throws PlatformError INVALID_ARTIFACT
 */
export function locateSealBlock(
  source: ByteSource,
  gap: { readonly start: number; readonly end: number },
): BlockPlace | undefined {
  const length = gap.end - gap.start
  if (length === 0) return undefined
  const unclaimed = (): Error =>
    refusal('zip.unclaimed-bytes', `${length} bytes before the central directory are of no entry`, {
      offset: gap.start,
    })
  if (length < SIZE_BYTES + FOOTER_BYTES) throw unclaimed()
  const magic = bufferOf(source.read(gap.end - MAGIC.length, MAGIC.length))
  if (!magic.equals(MAGIC)) throw unclaimed()
  if (length > limits.SEAL_BLOCK_LIMIT_BYTES)
    throw refusal(
      'zip.seal-block',
      `the seal block is larger than ${limits.SEAL_BLOCK_LIMIT_BYTES} bytes`,
      { offset: gap.start },
    )
  const fault = findBlockFault(bufferOf(source.read(gap.start, length)))
  if (fault !== undefined)
    throw refusal('zip.seal-block', `the seal block ${fault}`, { offset: gap.start })
  return { offset: gap.start, length }
}

function findBlockFault(block: Buffer): string | undefined {
  const size = BigInt(block.length - SIZE_BYTES)
  const pairsEnd = block.length - FOOTER_BYTES
  if (block.readBigUInt64LE(0) !== size || block.readBigUInt64LE(pairsEnd) !== size)
    return 'has sizes that disagree'
  let pairs = 0
  let at = SIZE_BYTES
  while (at < pairsEnd) {
    if (pairsEnd - at < SIZE_BYTES) return 'is not filled by its pairs'
    const length = block.readBigUInt64LE(at)
    if (length < 4n || length > BigInt(pairsEnd - at - SIZE_BYTES))
      return 'is not filled by its pairs'
    if (length - 4n > BigInt(limits.SEAL_PAYLOAD_LIMIT_BYTES))
      return `holds a seal larger than ${limits.SEAL_PAYLOAD_LIMIT_BYTES} bytes`
    at += SIZE_BYTES + Number(length)
    pairs += 1
  }
  if (pairs === 0) return 'is empty'
  if (pairs > limits.SEAL_PAIRS_LIMIT) return `holds more than ${limits.SEAL_PAIRS_LIMIT} seals`
  return undefined
}
