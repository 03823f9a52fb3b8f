import { crc32 } from 'node:zlib'

/** What a package holds, by path; text is UTF-8. */
export type Tree = Readonly<Record<string, string | Uint8Array>>

/** A stored zip of the tree, entries in order of path: small, the same bytes at every call, made without our own packer. */
export function zipOf(tree: Tree): Buffer {
  const locals: Buffer[] = []
  const centrals: Buffer[] = []
  let offset = 0
  const paths = Object.keys(tree).toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  for (const path of paths) {
    const name = Buffer.from(path)
    const content = Buffer.from(tree[path] ?? '')
    const fields = fieldsOf(name, content)
    const local = Buffer.concat([u32(0x04034b50), fields, u16(0), name, content])
    locals.push(local)
    // Made by Unix, 3.0; no comment, first disk, mode 0644.
    const attributes = Buffer.concat([u16(0), u16(0), u16(0), u16(0), u32(0o100644 * 65_536)])
    centrals.push(
      Buffer.concat([u32(0x02014b50), u16(0x031e), fields, attributes, u32(offset), name]),
    )
    offset += local.length
  }
  const central = Buffer.concat(centrals)
  const count = u16(paths.length)
  const end = [
    u32(0x06054b50),
    u16(0),
    u16(0),
    count,
    count,
    u32(central.length),
    u32(offset),
    u16(0),
  ]
  return Buffer.concat([...locals, central, ...end])
}

/** What both headers say alike, from "version needed" to the length of the name. 1980-01-01. */
function fieldsOf(name: Buffer, content: Buffer): Buffer {
  const size = u32(content.length)
  return Buffer.concat([
    u16(20),
    u16(isAscii(name) ? 0 : 0x0800),
    u32(0),
    u16(0x0021),
    u32(crc32(content)),
    size,
    size,
    u16(name.length),
  ])
}

const isAscii = (bytes: Buffer): boolean => bytes.every((byte) => byte < 0x80)

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16LE(value)
  return bytes
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

/** A Node function that answers `{ release, event }`. */
export function nodePackage(release: string | number): Buffer {
  return zipOf({
    'index.js': `exports.handler = async (event) => { console.log('release', ${JSON.stringify(release)}); return { release: ${JSON.stringify(release)}, event } }\n`,
  })
}

/** The same in Python. */
export function pythonPackage(release: string | number): Buffer {
  return zipOf({
    'app.py': `def handler(event, context):\n    print('release', ${JSON.stringify(release)})\n    return {'release': ${JSON.stringify(release)}, 'event': event}\n`,
  })
}
