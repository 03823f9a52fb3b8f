import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import {
  EMPTY_FRONTIER,
  EMPTY_ROOT,
  appendLeaf,
  consistencyProof,
  frontierNodes,
  inclusionProof,
  isFrontier,
  leafHash,
  nodeHash,
  rootOf,
  subtreeHash,
  verifyConsistency,
  verifyInclusion,
  verifySubtreeInclusion,
  type Frontier,
  type Hash,
} from '../../../services/ledger/index.ts'

/** RFC 6962 §2.1 word for word, to hold the frontier against. */
function definition(leaves: readonly string[]): Hash {
  const [only] = leaves
  if (only === undefined) return EMPTY_ROOT
  if (leaves.length === 1) return leafHash(only)
  let middle = 1
  while (middle * 2 < leaves.length) middle *= 2
  return nodeHash(definition(leaves.slice(0, middle)), definition(leaves.slice(middle)))
}

function build(leaves: readonly string[]) {
  const nodes = new Map<string, Hash>()
  const frontiers: Frontier[] = [EMPTY_FRONTIER]
  for (const leaf of leaves) {
    const appended = appendLeaf(frontiers.at(-1)!, leafHash(leaf))
    for (const { level, index, hash } of appended.nodes) nodes.set(`${level}/${index}`, hash)
    frontiers.push(appended.frontier)
  }
  const read = (level: number, index: number): Hash => {
    const hash = nodes.get(`${level}/${index}`)
    if (hash === undefined) throw new Error(`no node ${level}/${index}`)
    return hash
  }
  return { nodes, frontiers, read, root: (size: number) => rootOf(frontiers[size]!) }
}

const leavesOf = (size: number): string[] => Array.from({ length: size }, (_, at) => `leaf ${at}`)

describe('RFC 6962 hashing', () => {
  it('has the known root of nothing and hash of the empty leaf', () => {
    expect(EMPTY_ROOT).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
    expect(leafHash('')).toBe('6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d')
  })

  it('never takes a node for a leaf', () => {
    const [a, b] = [leafHash('a'), leafHash('b')]

    expect(nodeHash(a, b)).not.toBe(leafHash(Buffer.from(a + b, 'hex')))
  })

  it('gives the root of the definition for every size, from the frontier alone', () => {
    const leaves = leavesOf(70)
    const tree = build(leaves)

    for (let size = 0; size <= leaves.length; size += 1) {
      expect(tree.root(size)).toBe(definition(leaves.slice(0, size)))
      expect(isFrontier(tree.frontiers[size]!)).toBe(true)
      expect(frontierNodes(size).map(({ level, index }) => tree.read(level, index))).toEqual(
        tree.frontiers[size]!.hashes,
      )
    }
  })

  it('writes each complete subtree once, under its level and index', async () => {
    const tree = build(leavesOf(37))

    expect(tree.nodes.size).toBe(37 + 18 + 9 + 4 + 2 + 1)
    expect(await subtreeHash(tree.read, { start: 0, end: 37 })).toBe(tree.root(37))
  })

  it('tells a frontier that does not fit its size', () => {
    expect(isFrontier({ size: 5, hashes: ['a'] })).toBe(false)
    expect(isFrontier({ size: 5, hashes: ['a', 'b', 'c'] })).toBe(false)
  })
})

describe('proofs', () => {
  const sizes = fc.integer({ min: 1, max: 130 })

  it('shows that every leaf is in the tree, at its place and at no other', async () => {
    await fc.assert(
      fc.asyncProperty(sizes, fc.nat(), fc.nat(), async (size, a, b) => {
        const tree = build(leavesOf(size))
        const index = a % size
        const other = b % size
        const proof = await inclusionProof(tree.read, index, size)
        const claim = { index, size, leafHash: leafHash(`leaf ${index}`), root: tree.root(size) }

        expect(verifyInclusion({ ...claim, proof })).toBe(true)
        expect(verifySubtreeInclusion({ ...claim, proof, start: 0, end: size })).toBe(true)
        expect(verifyInclusion({ ...claim, proof: [...proof, claim.root] })).toBe(false)
        expect(verifyInclusion({ ...claim, proof, leafHash: leafHash('foreign') })).toBe(false)
        if (proof.length > 0)
          expect(verifyInclusion({ ...claim, proof: proof.slice(1) })).toBe(false)
        if (other !== index) expect(verifyInclusion({ ...claim, proof, index: other })).toBe(false)
      }),
    )
  })

  it('shows that a tree begins with a smaller one, and not with another', async () => {
    await fc.assert(
      fc.asyncProperty(sizes, fc.nat(), async (second, a) => {
        const first = 1 + (a % second)
        const tree = build(leavesOf(second))
        const proof = await consistencyProof(tree.read, first, second)
        const claim = { first, second, firstRoot: tree.root(first), secondRoot: tree.root(second) }

        expect(verifyConsistency({ ...claim, proof })).toBe(true)
        expect(verifyConsistency({ ...claim, proof, firstRoot: leafHash('x') })).toBe(false)
        expect(verifyConsistency({ ...claim, proof, secondRoot: leafHash('x') })).toBe(false)
        expect(verifyConsistency({ ...claim, proof: [...proof, leafHash('x')] })).toBe(false)
        if (proof.length > 0) {
          expect(verifyConsistency({ ...claim, proof: proof.slice(0, -1) })).toBe(false)
          expect(verifyConsistency({ ...claim, proof: [leafHash('x'), ...proof.slice(1)] })).toBe(
            false,
          )
        }
      }),
    )
  })

  it('refuses to prove what is not there', async () => {
    const tree = build(leavesOf(3))

    await expect(inclusionProof(tree.read, 3, 3)).rejects.toThrow(RangeError)
    await expect(inclusionProof(tree.read, -1, 3)).rejects.toThrow(RangeError)
    await expect(consistencyProof(tree.read, 4, 3)).rejects.toThrow(RangeError)
    expect(await consistencyProof(tree.read, 0, 3)).toEqual([])
    expect(await consistencyProof(tree.read, 3, 3)).toEqual([])
  })

  it('refuses indices and sizes that are no counts', () => {
    const hash = leafHash('')
    for (const bad of [-1, 0.5, Number.NaN, 2 ** 60]) {
      const claim = { index: bad, size: 8, leafHash: hash, root: hash, proof: [] }
      expect(verifyInclusion(claim)).toBe(false)
      expect(verifyInclusion({ ...claim, index: 0, size: bad })).toBe(false)
      expect(
        verifyConsistency({ first: bad, second: 8, firstRoot: hash, secondRoot: hash, proof: [] }),
      ).toBe(false)
      expect(
        verifyConsistency({ first: 1, second: bad, firstRoot: hash, secondRoot: hash, proof: [] }),
      ).toBe(false)
    }
    expect(
      verifyConsistency({ first: 0, second: 0, firstRoot: hash, secondRoot: hash, proof: [] }),
    ).toBe(false)
  })
})
