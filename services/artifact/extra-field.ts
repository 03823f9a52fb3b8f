import { crc32 } from 'node:zlib'

/** What an entry's central header says, as far as an extra field can contradict it. */
export interface ExtraContext {
  readonly name: Buffer
  readonly comment: Buffer
  readonly hostSystem: number
  readonly externalAttributes: number
  readonly place: 'local' | 'central'
}

/** `undefined` where the field is fine, else what is wrong with it. */
type FieldCheck = (data: Buffer, context: ExtraContext) => string | undefined

const anything: FieldCheck = () => undefined
const malformed = 'is malformed'
const ok = (good: boolean): string | undefined => (good ? undefined : malformed)

/**
 * The extra fields that today's tools write. What is not here is refused: a field that some reader knows and
 * we do not could give an entry another name, size, kind or content (0x0001 zip64, 0x9901 AES, 0x756e and 0x000d links).
 */
const knownFields: ReadonlyMap<number, FieldCheck> = new Map([
  [0x5455, extendedTimestamp],
  [0x7875, unixOwner],
  [0x7855, (data) => ok(data.length === 0 || data.length === 4)],
  [0x5855, (data) => ok(data.length === 8 || data.length === 12)],
  [0x000a, ntfsTimes],
  [0x7075, unicodePath],
  [0x6375, unicodeComment],
  [0x6c78, libarchiveAttributes],
  [0xcafe, (data) => ok(data.length === 0)], // java.util.jar marks the first entry
  [0xa11e, anything], // Apache Commons Compress alignment
  [0xa220, anything], // Microsoft Open Packaging growth hint
  [0xd935, anything], // Android alignment
])

/** What is wrong with the extra fields of one header, or `undefined`. */
export function findExtraFault(extra: Buffer, context: ExtraContext): string | undefined {
  if (extra.length === 0) return undefined
  const seen = new Set<number>()
  let at = 0
  while (at < extra.length) {
    if (at + 4 > extra.length) return 'ends inside a field'
    const id = extra.readUInt16LE(at)
    const end = at + 4 + extra.readUInt16LE(at + 2)
    const label = `0x${id.toString(16).padStart(4, '0')}`
    if (end > extra.length) return `ends inside field ${label}`
    if (seen.has(id)) return `has field ${label} twice`
    seen.add(id)
    const check = knownFields.get(id)
    if (check === undefined)
      return id === 0x0001
        ? 'is of zip64, which is refused'
        : `has field ${label}, which is refused`
    const fault = check(extra.subarray(at + 4, end), context)
    if (fault !== undefined) return `has field ${label}, which ${fault}`
    at = end
  }
  return undefined
}

/** Info-ZIP: flags, then up to three times. Tools differ in which they write where; times are no content. */
function extendedTimestamp(data: Buffer): string | undefined {
  return ok([1, 5, 9, 13].includes(data.length))
}

function unixOwner(data: Buffer): string | undefined {
  if (data.length === 0) return undefined
  if (data.length < 3 || data.readUInt8(0) !== 1) return malformed
  const uidBytes = data.readUInt8(1)
  if (2 + uidBytes >= data.length) return malformed
  return ok(3 + uidBytes + data.readUInt8(2 + uidBytes) === data.length)
}

/** PKWARE: four reserved bytes, then (tag, size, data). A cut tag crashed a reader: CVE-2026-31988. */
function ntfsTimes(data: Buffer): string | undefined {
  let at = 4
  while (at + 4 <= data.length) {
    const size = data.readUInt16LE(at + 2)
    if (data.readUInt16LE(at) === 1 && size !== 24) return malformed
    at += 4 + size
  }
  return ok(at === data.length)
}

/** Info-ZIP: another name for the entry, which counts for some readers; so it has to be the same name. */
function unicodePath(data: Buffer, { name }: ExtraContext): string | undefined {
  if (data.length < 5 || data.readUInt8(0) !== 1) return malformed
  if (data.readUInt32LE(1) !== crc32(name)) return 'is of another name'
  return data.subarray(5).equals(name) ? undefined : 'gives another name'
}

function unicodeComment(data: Buffer, { comment, place }: ExtraContext): string | undefined {
  if (data.length < 5 || data.readUInt8(0) !== 1 || place === 'local') return malformed
  return ok(data.readUInt32LE(1) === crc32(comment))
}

/** libarchive: attributes for readers that never see the central directory; they have to say the same. */
function libarchiveAttributes(data: Buffer, context: ExtraContext): string | undefined {
  if (data.length === 0) return malformed
  const present = data.readUInt8(0)
  if ((present & ~7) !== 0) return 'has parts that are not known'
  const size = 1 + (present & 1) * 2 + ((present >> 1) & 1) * 2 + ((present >> 2) & 1) * 4
  if (data.length !== size) return malformed
  if ((present & 1) !== 0 && data.readUInt8(2) !== context.hostSystem)
    return 'gives another host system'
  if ((present & 4) !== 0 && data.readUInt32LE(size - 4) !== context.externalAttributes)
    return 'gives other attributes'
  return undefined
}
