import { readFileSync, writeFileSync } from 'node:fs'
import { crc32 } from 'node:zlib'

/**
 * What an attacker would do to a stored (uncompressed) zip: change content in place and repair the CRC-32 in
 * both headers, so that every zip tool finds it in order. The replacement must be as long as what it replaces.
 */
export function forge(from, to, text, replacement) {
  const zip = readFileSync(from)
  const at = zip.indexOf(text)
  if (at === -1 || text.length !== replacement.length)
    throw new Error(`\`${text}\` is not stored in ${from}`)
  zip.write(replacement, at, 'latin1')
  repairChecksums(zip, at)
  writeFileSync(to, zip)
}

function repairChecksums(zip, changedAt) {
  let central = zip.readUInt32LE(zip.length - 22 + 16)
  while (zip.readUInt32LE(central) === 0x02014b50) {
    const size = zip.readUInt32LE(central + 20)
    const local = zip.readUInt32LE(central + 42)
    const data = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28)
    if (changedAt >= data && changedAt < data + size) {
      const sum = crc32(zip.subarray(data, data + size))
      zip.writeUInt32LE(sum, central + 16)
      const hasDescriptor = (zip.readUInt16LE(local + 6) & 8) !== 0
      // With a data descriptor the local header holds 0; the descriptor behind the data, signed or not, has the sum.
      if (hasDescriptor) {
        const signed = zip.readUInt32LE(data + size) === 0x08074b50
        zip.writeUInt32LE(sum, data + size + (signed ? 4 : 0))
      } else zip.writeUInt32LE(sum, local + 14)
    }
    central += 46 + zip.readUInt16LE(central + 28) + zip.readUInt16LE(central + 30) + zip.readUInt16LE(central + 32) // prettier-ignore
  }
}
