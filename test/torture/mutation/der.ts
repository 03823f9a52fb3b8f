import type { Seeded } from '../seeded.ts'
import { mutateBytes, randomBytes } from './bytes.ts'

/** A value as it stands, read without a rule but that lengths fit. */
export interface Node {
  readonly tag: number
  readonly content: Buffer | readonly Node[]
  /** The octets of the length, where they are not the shortest ones. */
  readonly length?: Buffer
}

const CONSTRUCTED = 0x20
const DEPTH_LIMIT = 40
/** Universal types, context tags, and what has no place in DER. */
const TAGS = [
  0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0a, 0x0c, 0x13, 0x16, 0x17, 0x18, 0x1e, 0x1f, 0x24,
  0x30, 0x31, 0x80, 0x81, 0x82, 0xa0, 0xa1, 0xa3, 0xbf,
]

/** The values in a row; `undefined` where the bytes are no such row. */
export function readNodes(bytes: Buffer, depth = 0): readonly Node[] | undefined {
  const nodes: Node[] = []
  let at = 0
  while (at < bytes.length) {
    const head = readHead(bytes, at)
    if (head === undefined || depth > DEPTH_LIMIT) return undefined
    const content = bytes.subarray(head.start, head.end)
    const children = (head.tag & CONSTRUCTED) === 0 ? undefined : readNodes(content, depth + 1)
    nodes.push({ tag: head.tag, content: children ?? content })
    at = head.end
  }
  return nodes
}

export function writeNodes(nodes: readonly Node[]): Buffer {
  return Buffer.concat(
    nodes.map(({ tag, content, length }) => {
      const inner = Buffer.isBuffer(content) ? content : writeNodes(content as readonly Node[])
      return Buffer.concat([Buffer.of(tag), length ?? lengthOf(inner.length), inner])
    }),
  )
}

/** One to three changes of a tree of values whose lengths are made to fit again, mostly. */
export function mutateDer(input: Buffer, chance: Seeded, others: readonly Buffer[]): Buffer {
  let nodes = readNodes(input)
  if (nodes === undefined || nodes.length === 0 || chance.integer(0, 7) === 0)
    return mutateBytes(input, chance, others)
  const donors = others.length === 0 ? nodes : (readNodes(chance.pick(others)) ?? nodes)
  for (let left = chance.integer(1, 3); left > 0; left -= 1)
    nodes = changeOne(nodes, chance, donors)
  return writeNodes(nodes)
}

function readHead(
  bytes: Buffer,
  at: number,
): { tag: number; start: number; end: number } | undefined {
  const [tag, first] = [bytes[at], bytes[at + 1]]
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) return undefined
  const count = first < 0x80 ? 0 : first & 0x7f
  if (count > 4 || (first >= 0x80 && count === 0) || at + 2 + count > bytes.length) return undefined
  const size = count === 0 ? first : bytes.readUIntBE(at + 2, count)
  const start = at + 2 + count
  return start + size > bytes.length ? undefined : { tag, start, end: start + size }
}

function lengthOf(size: number): Buffer {
  if (size < 0x80) return Buffer.of(size)
  const octets: number[] = []
  for (let rest = size; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256)
  return Buffer.of(0x80 | octets.length, ...octets)
}

/** Walks down to a node that chance points out, and changes the row that it stands in. */
function changeOne(
  nodes: readonly Node[],
  chance: Seeded,
  donors: readonly Node[],
): readonly Node[] {
  if (nodes.length === 0) return [anyNode(donors, chance)]
  const at = chance.integer(0, nodes.length - 1)
  const node = nodes[at] ?? anyNode(donors, chance)
  const { content } = node
  if (!Buffer.isBuffer(content) && chance.integer(0, 5) > 0) {
    const inner = changeOne(content as readonly Node[], chance, donors)
    return nodes.with(at, { ...node, content: inner })
  }
  return chance.pick(CHANGES)(nodes, at, chance, donors)
}

type Change = (
  nodes: readonly Node[],
  at: number,
  chance: Seeded,
  donors: readonly Node[],
) => readonly Node[]

const CHANGES: readonly Change[] = [
  (nodes, at) => nodes.toSpliced(at, 1),
  (nodes, at) => nodes.toSpliced(at, 0, ...nodes.slice(at, at + 1)),
  (nodes, at, chance, donors) => nodes.toSpliced(at, 0, anyNode(donors, chance)),
  (nodes, at, chance, donors) => nodes.with(at, anyNode(donors, chance)),
  (nodes, at, chance) => {
    const to = chance.integer(0, nodes.length - 1)
    return nodes.toSpliced(at, 1).toSpliced(to, 0, ...nodes.slice(at, at + 1))
  },
  (nodes, at, chance) => changed(nodes, at, () => ({ tag: chance.pick(TAGS) })),
  (nodes, at, chance) =>
    changed(nodes, at, (node) => ({ content: mutateBytes(bytesOf(node), chance) })),
  (nodes, at, chance) =>
    changed(nodes, at, (node) => ({ content: mutateBytes(bytesOf(node), chance) })),
  (nodes, at, chance) =>
    changed(nodes, at, () => ({ content: randomBytes(chance, chance.integer(0, 12)) })),
  (nodes, at, chance) =>
    changed(nodes, at, (node) => {
      const size = bytesOf(node).length
      // Longer than needed, without an end, or a lie.
      const length = chance.pick([
        Buffer.of(0x82, size >> 8, size & 0xff),
        Buffer.of(0x80),
        Buffer.of(0x84, 0xff, 0xff, 0xff, 0xff),
        Buffer.of(chance.integer(0, 255)),
      ])
      return { length }
    }),
  (nodes, at, chance) =>
    changed(nodes, at, (node) => {
      let inner = node
      const depth = chance.pick([1, 1, 2, 70])
      for (let left = depth; left > 0; left -= 1) inner = { tag: 0x30, content: [inner] }
      return inner
    }),
  (nodes, at, chance) =>
    changed(nodes, at, (node) => ({
      content: Buffer.concat([bytesOf(node), randomBytes(chance, 2)]),
    })),
]

function changed(
  nodes: readonly Node[],
  at: number,
  change: (node: Node) => Partial<Node>,
): readonly Node[] {
  return nodes.map((node, index) => (index === at ? { ...node, ...change(node) } : node))
}

function bytesOf({ content }: Node): Buffer {
  return Buffer.isBuffer(content) ? content : writeNodes(content as readonly Node[])
}

/** Somewhere in a tree. */
function anyNode(nodes: readonly Node[], chance: Seeded): Node {
  const node = nodes[chance.integer(0, nodes.length - 1)] ?? { tag: 0x05, content: Buffer.alloc(0) }
  const { content } = node
  if (Buffer.isBuffer(content) || content.length === 0 || chance.integer(0, 2) === 0) return node
  return anyNode(content as readonly Node[], chance)
}
