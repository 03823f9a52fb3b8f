import { limits, type SealFormat, type SealInput } from '../model/index.ts'
import { malformed } from './refusal.ts'

/** DESIGN §3, padded to 16 bytes with NUL. */
const MAGIC = Buffer.from('LACRE SEAL v1\0\0\0', 'latin1')
const FRAME_BYTES = 8 + 8 + 16
const ID_BY_FORMAT: Readonly<Record<SealFormat, number>> = { bundle: 1, cms: 2 }

/**
 * The seals of a block, which is these bytes whole: size, pairs, size, magic. Their payloads are not looked at.
 * @throws PlatformError INVALID_SEAL
 */
export function decodeSealBlock(bytes: Uint8Array): SealInput[] {
  if (bytes.byteLength > limits.SEAL_BLOCK_LIMIT_BYTES)
    throw malformed(
      'block-size',
      `the seal block is larger than ${limits.SEAL_BLOCK_LIMIT_BYTES} bytes`,
    )
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (view.length < FRAME_BYTES) throw malformed('block-frame', 'the seal block is cut short')
  if (!view.subarray(view.length - 16).equals(MAGIC))
    throw malformed('block-magic', 'the seal block does not end with its magic')
  const first = view.readBigUInt64LE(0)
  const second = view.readBigUInt64LE(view.length - 24)
  if (first !== second || first !== BigInt(view.length - 8))
    throw malformed('block-size', 'the two sizes of the seal block do not agree with its length')
  return decodePairs(view.subarray(8, view.length - 24))
}

function decodePairs(pairs: Buffer): SealInput[] {
  const seals: SealInput[] = []
  for (let at = 0; at < pairs.length;) {
    if (pairs.length - at < 12)
      throw malformed('block-pairs', 'the pairs do not fill the seal block')
    const length = pairs.readBigUInt64LE(at)
    if (length < 5n || length > BigInt(pairs.length - at - 8))
      throw malformed('block-pairs', 'a pair of the seal block is empty or runs over its end')
    const size = Number(length) - 4
    if (size > limits.SEAL_PAYLOAD_LIMIT_BYTES)
      throw malformed(
        'block-size',
        `a seal is larger than ${limits.SEAL_PAYLOAD_LIMIT_BYTES} bytes`,
      )
    const payload = pairs.subarray(at + 12, at + 12 + size)
    seals.push({ format: formatOf(pairs.readUInt32LE(at + 8)), place: 'block', bytes: payload })
    if (seals.length > limits.SEAL_PAIRS_LIMIT)
      throw malformed(
        'block-pairs',
        `the seal block has more than ${limits.SEAL_PAIRS_LIMIT} pairs`,
      )
    at += 12 + size
  }
  if (seals.length === 0) throw malformed('block-pairs', 'the seal block is empty')
  return seals
}

function formatOf(id: number): SealFormat {
  if (id === 1) return 'bundle'
  if (id === 2) return 'cms'
  throw malformed('block-id', `the seal block has a pair of the unknown id ${id}`)
}

/**
 * The block holding these seals, in this order.
 * @throws PlatformError INVALID_SEAL where there are none, too many, or too much
 */
export function encodeSealBlock(
  seals: readonly { readonly format: SealFormat; readonly bytes: Uint8Array }[],
): Uint8Array {
  const pairs = seals.map((seal) => {
    const head = Buffer.alloc(12)
    head.writeBigUInt64LE(BigInt(seal.bytes.byteLength + 4), 0)
    head.writeUInt32LE(ID_BY_FORMAT[seal.format], 8)
    return Buffer.concat([head, seal.bytes])
  })
  const body = Buffer.concat(pairs)
  const size = Buffer.alloc(8)
  size.writeBigUInt64LE(BigInt(body.length + 24))
  const block = Buffer.concat([size, body, size, MAGIC])
  decodeSealBlock(block)
  return block
}
