import { hash as hashOnce } from 'node:crypto'

/** A SHA-256 of the tree, hex. Proofs of others may carry other lengths; those never verify. */
export type Hash = string

/** RFC 6962 §2.1: the hash of the empty tree is that of nothing. */
export const EMPTY_ROOT: Hash = hashOnce('sha256', '')

/** RFC 6962 §2.1: leaves and nodes are told apart by a first byte, so that neither passes for the other. */
export function leafHash(leaf: Uint8Array | string): Hash {
  return hashOnce('sha256', Buffer.concat([LEAF_PREFIX, Buffer.from(leaf)]))
}

export function nodeHash(left: Hash, right: Hash): Hash {
  return hashOnce(
    'sha256',
    Buffer.concat([NODE_PREFIX, Buffer.from(left, 'hex'), Buffer.from(right, 'hex')]),
  )
}

const LEAF_PREFIX = Buffer.of(0)
const NODE_PREFIX = Buffer.of(1)

/** A complete subtree: level 0 are leaves, node i of level n covers leaves i·2^n up to (i+1)·2^n. */
export interface TreeNode {
  readonly level: number
  readonly index: number
  readonly hash: Hash
}

/** The roots of the complete subtrees that make up a tree of this size, largest first: all that appending needs. */
export interface Frontier {
  readonly size: number
  readonly hashes: readonly Hash[]
}

export const EMPTY_FRONTIER: Frontier = { size: 0, hashes: [] }

export interface Appended {
  readonly frontier: Frontier
  /** The complete subtrees that this leaf completes, the leaf itself first. */
  readonly nodes: readonly TreeNode[]
}

/** Throws RangeError where the frontier lacks a hash that its size needs. */
export function appendLeaf(frontier: Frontier, leaf: Hash): Appended {
  const hashes = [...frontier.hashes]
  const nodes: TreeNode[] = [{ level: 0, index: frontier.size, hash: leaf }]
  let hash = leaf
  let index = frontier.size
  // As in binary addition: every trailing one of the size carries.
  for (let level = 1; index % 2 === 1; level += 1) {
    const left = hashes.pop()
    if (left === undefined) throw new RangeError('the frontier does not fit its size')
    hash = nodeHash(left, hash)
    index = (index - 1) / 2
    nodes.push({ level, index, hash })
  }
  hashes.push(hash)
  return { frontier: { size: frontier.size + 1, hashes }, nodes }
}

/** The complete subtrees over leaves from `first` on, by level; `first` is a multiple of the largest of their widths. */
export function nodesOver(first: number, leaves: readonly Hash[]): TreeNode[] {
  const nodes: TreeNode[] = []
  let hashes = leaves
  for (let level = 0; hashes.length > 0; level += 1) {
    const start = first / 2 ** level
    nodes.push(...hashes.map((hash, at) => ({ level, index: start + at, hash })))
    hashes = pairsOf(hashes)
  }
  return nodes
}

/** The nodes over each two hashes; one that is left over has none yet. */
function pairsOf(hashes: readonly Hash[]): Hash[] {
  const above: Hash[] = []
  let left: Hash | undefined
  for (const hash of hashes) {
    if (left === undefined) {
      left = hash
    } else {
      above.push(nodeHash(left, hash))
      left = undefined
    }
  }
  return above
}

export function rootOf(frontier: Frontier): Hash {
  const [smallest, ...larger] = frontier.hashes.toReversed()
  if (smallest === undefined) return EMPTY_ROOT
  return larger.reduce((right, left) => nodeHash(left, right), smallest)
}

/** Whether a frontier has the number of hashes that its size needs: one to each binary one. */
export function isFrontier(frontier: Frontier): boolean {
  let ones = 0
  for (let rest = frontier.size; rest > 0; rest = Math.floor(rest / 2)) ones += rest % 2
  return ones === frontier.hashes.length
}

/** The complete subtrees of a tree of this size, largest first. */
export function frontierNodes(size: number): { readonly level: number; readonly index: number }[] {
  const nodes: { level: number; index: number }[] = []
  let start = 0
  for (let level = 52; level >= 0; level -= 1) {
    const width = 2 ** level
    if (size - start < width) continue
    nodes.push({ level, index: start / width })
    start += width
  }
  return nodes
}
