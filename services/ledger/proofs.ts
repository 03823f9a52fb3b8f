import { EMPTY_ROOT, nodeHash, type Hash } from './merkle.ts'

/** Where hashes of complete subtrees come from: rows, tiles or an array. */
export type NodeReader = (level: number, index: number) => Promise<Hash> | Hash

/** RFC 6962 §2.1.1: the path from a leaf to the root of the tree of `size` leaves. Throws RangeError outside it. */
export async function inclusionProof(
  read: NodeReader,
  index: number,
  size: number,
): Promise<Hash[]> {
  if (!isCount(index) || !isCount(size) || index >= size) throw new RangeError('no such leaf')
  return await path(read, index, { start: 0, end: size })
}

/** RFC 6962 §2.1.2: that the tree of `second` leaves begins with that of `first`. Throws RangeError. */
export async function consistencyProof(
  read: NodeReader,
  first: number,
  second: number,
): Promise<Hash[]> {
  if (!isCount(first) || !isCount(second) || first > second) throw new RangeError('no such tree')
  if (first === 0) return []
  return await subproof(read, first, { start: 0, end: second, whole: true })
}

interface Range {
  readonly start: number
  readonly end: number
}

async function path(read: NodeReader, index: number, range: Range): Promise<Hash[]> {
  const { start, end } = range
  if (end - start === 1) return []
  const middle = start + largestPowerBelow(end - start)
  if (index < middle) {
    return [
      ...(await path(read, index, { start, end: middle })),
      await subtreeHash(read, { start: middle, end }),
    ]
  }
  return [
    ...(await path(read, index, { start: middle, end })),
    await subtreeHash(read, { start, end: middle }),
  ]
}

async function subproof(
  read: NodeReader,
  size: number,
  range: Range & { readonly whole: boolean },
): Promise<Hash[]> {
  const { start, end, whole } = range
  if (size === end) return whole ? [] : [await subtreeHash(read, range)]
  const middle = start + largestPowerBelow(end - start)
  if (size <= middle) {
    return [
      ...(await subproof(read, size, { start, end: middle, whole })),
      await subtreeHash(read, { start: middle, end }),
    ]
  }
  return [
    ...(await subproof(read, size, { start: middle, end, whole: false })),
    await subtreeHash(read, { start, end: middle }),
  ]
}

/** RFC 6962 §2.1 for the leaves from `start` up to `end`, out of complete subtrees. */
export async function subtreeHash(read: NodeReader, range: Range): Promise<Hash> {
  const width = range.end - range.start
  const level = Math.round(Math.log2(width))
  if (2 ** level === width) return await read(level, range.start / width)
  const middle = range.start + largestPowerBelow(width)
  return nodeHash(
    await subtreeHash(read, { start: range.start, end: middle }),
    await subtreeHash(read, { start: middle, end: range.end }),
  )
}

export interface InclusionClaim {
  readonly index: number
  readonly size: number
  readonly leafHash: Hash
  readonly root: Hash
  readonly proof: readonly Hash[]
}

/** RFC 9162 §2.1.3.2. */
export function verifyInclusion(claim: InclusionClaim): boolean {
  const { index, size } = claim
  if (!isCount(index) || !isCount(size) || index >= size || !isHash(claim.leafHash)) return false
  let node = index
  let last = size - 1
  let hash = claim.leafHash
  for (const sibling of claim.proof) {
    if (last === 0) return false
    if (node % 2 === 1 || node === last) {
      hash = nodeHash(sibling, hash)
      while (node % 2 === 0 && node !== 0) [node, last] = [half(node), half(last)]
    } else {
      hash = nodeHash(hash, sibling)
    }
    ;[node, last] = [half(node), half(last)]
  }
  return last === 0 && hash === claim.root
}

export interface ConsistencyClaim {
  readonly first: number
  readonly second: number
  readonly firstRoot: Hash
  readonly secondRoot: Hash
  readonly proof: readonly Hash[]
}

/** RFC 9162 §2.1.4.2. Every tree begins with the empty one: for it, its root is what is checked. */
export function verifyConsistency(claim: ConsistencyClaim): boolean {
  return verifySubtreeConsistency({
    start: 0,
    end: claim.first,
    size: claim.second,
    subtreeRoot: claim.firstRoot,
    root: claim.secondRoot,
    proof: claim.proof,
  })
}

export interface SubtreeConsistencyClaim {
  readonly start: number
  readonly end: number
  readonly size: number
  readonly subtreeRoot: Hash
  readonly root: Hash
  readonly proof: readonly Hash[]
}

/** draft-ietf-plants-merkle-tree-certs §4.4: RFC 9162's consistency for a subtree that need not begin at 0. */
export function verifySubtreeConsistency(claim: SubtreeConsistencyClaim): boolean {
  const { start, end, size } = claim
  if (!isCount(start) || !isCount(end) || !isCount(size) || end > size) return false
  if (start === end) return isEmptySubtree(claim)
  if (!isSubtree(start, end)) return false
  let [from, to, last] = [start, end - 1, size - 1]
  const shift = (): void => {
    ;[from, to, last] = [half(from), half(to), half(last)]
  }
  const whole = to === last
  while (from !== to && (whole || to % 2 === 1)) shift()
  let proof = claim.proof
  let old = claim.subtreeRoot
  if (from !== to) {
    const [first, ...rest] = proof
    if (first === undefined) return false
    old = first
    proof = rest
  }
  let now = old
  for (const hash of proof) {
    if (last === 0) return false
    if (to % 2 === 1 || to === last) {
      if (from < to) old = nodeHash(hash, old)
      now = nodeHash(hash, now)
      while (to % 2 === 0 && to !== 0) shift()
    } else {
      now = nodeHash(now, hash)
    }
    shift()
  }
  return last === 0 && old === claim.subtreeRoot && now === claim.root
}

function isEmptySubtree(claim: SubtreeConsistencyClaim): boolean {
  const { size, subtreeRoot, root, proof } = claim
  return proof.length === 0 && subtreeRoot === EMPTY_ROOT && (size > 0 || root === EMPTY_ROOT)
}

/** A leaf in a subtree: its start is a multiple of the power of two that holds it. */
export function verifySubtreeInclusion(claim: Omit<InclusionClaim, 'size'> & Range): boolean {
  const { start, end } = claim
  if (!isSubtree(start, end)) return false
  return verifyInclusion({ ...claim, index: claim.index - start, size: end - start })
}

function isSubtree(start: number, end: number): boolean {
  if (!isCount(start) || !isCount(end) || end <= start) return false
  let width = 1
  while (width < end - start) width *= 2
  return start % width === 0
}

function isHash(text: Hash): boolean {
  return /^[0-9a-f]{64}$/.test(text)
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}

function half(value: number): number {
  return Math.floor(value / 2)
}

function largestPowerBelow(width: number): number {
  let power = 1
  while (power * 2 < width) power *= 2
  return power
}
