import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import {
  EMPTY_ROOT,
  consistencyProof,
  inclusionProof,
  leafHash,
  nodeHash,
  verifyConsistency,
  verifyInclusion,
  verifySubtreeConsistency,
  verifySubtreeInclusion,
  type ConsistencyClaim,
  type InclusionClaim,
} from '../../../services/ledger/index.ts'
import {
  buildTree,
  definedRoot,
  definedSubtreeProof,
  leavesOf,
} from '../../support/merkle-trees.ts'

describe('proofs', () => {
  const sizes = fc.integer({ min: 1, max: 130 })

  it('shows that every leaf is in the tree, at its place and at no other', async () => {
    await fc.assert(
      fc.asyncProperty(sizes, fc.nat(), fc.nat(), async (size, a, b) => {
        const tree = buildTree(leavesOf(size))
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
        const tree = buildTree(leavesOf(second))
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

  it.each([
    [3, 3],
    [4, 3],
    [-1, 3],
    [0.5, 3],
    [0, Number.NaN],
    [0, 0],
  ])('proves no leaf %d in a tree of %d', async (index, size) => {
    const { read } = buildTree(leavesOf(3))

    await expect(inclusionProof(read, index, size)).rejects.toThrow(new RangeError('no such leaf'))
  })

  it.each([
    [4, 3],
    [-1, 3],
    [0.5, 3],
    [0, Number.NaN],
    [0, 2 ** 60],
  ])('proves no tree of %d leaves within one of %d', async (first, second) => {
    const { read } = buildTree(leavesOf(3))

    await expect(consistencyProof(read, first, second)).rejects.toThrow(
      new RangeError('no such tree'),
    )
  })

  it('needs no hash to prove that a tree begins with nothing, and with itself', async () => {
    const { read } = buildTree(leavesOf(3))

    expect(await consistencyProof(read, 0, 3)).toEqual([])
    expect(await consistencyProof(read, 3, 3)).toEqual([])
    expect(await consistencyProof(read, 0, 0)).toEqual([])
  })

  it('makes the proofs of RFC 6962 §2.1.3, by its own example', async () => {
    const { read } = buildTree(leavesOf(7))
    const at = (index: number) => leafHash(`leaf ${index}`)
    const [a, b, c, d, e, f, j] = [at(0), at(1), at(2), at(3), at(4), at(5), at(6)]
    const [g, h, i] = [nodeHash(a, b), nodeHash(c, d), nodeHash(e, f)]
    const [k, l] = [nodeHash(g, h), nodeHash(i, j)]

    expect(await inclusionProof(read, 0, 7)).toEqual([b, h, l])
    expect(await inclusionProof(read, 3, 7)).toEqual([c, g, l])
    expect(await inclusionProof(read, 4, 7)).toEqual([f, j, k])
    expect(await inclusionProof(read, 6, 7)).toEqual([i, k])
    expect(await consistencyProof(read, 3, 7)).toEqual([c, d, g, l])
    expect(await consistencyProof(read, 4, 7)).toEqual([l])
    expect(await consistencyProof(read, 6, 7)).toEqual([i, j, k])
  })
})

const [leaf, other] = [leafHash('leaf'), leafHash('other')]

describe('a claim of inclusion', () => {
  const claim = { index: 0, size: 1, leafHash: leaf, root: leaf, proof: [] }

  it('holds of the only leaf without a proof', () => {
    expect(verifyInclusion(claim)).toBe(true)
  })

  it.each<[string, Partial<InclusionClaim>]>([
    ['an index behind the last', { index: 1 }],
    ['a negative index', { index: -1 }],
    ['an index that is a fraction', { index: 0.5 }],
    ['an index that is no number', { index: Number.NaN }],
    ['a tree without a leaf', { size: 0 }],
    ['a size that is a fraction', { size: 1.5, proof: [other], root: nodeHash(leaf, other) }],
    ['a size that is no number', { size: Number.NaN }],
    ['a size beyond exact numbers', { size: 2 ** 60 }],
    ['a proof longer than the path', { proof: [other], root: nodeHash(other, leaf) }],
    ['a proof shorter than the path', { size: 2 }],
    ['a leaf in capitals', { leafHash: leaf.toUpperCase(), root: leaf.toUpperCase() }],
    ['a leaf too short', { leafHash: leaf.slice(1), root: leaf.slice(1) }],
    ['a leaf with more in front', { leafHash: `0${leaf}`, root: `0${leaf}` }],
    ['a leaf with more behind', { leafHash: `${leaf}0`, root: `${leaf}0` }],
    ['another root', { root: other }],
  ])('does not hold with %s', (_, more) => {
    expect(verifyInclusion({ ...claim, ...more })).toBe(false)
  })
})

describe('a claim of consistency', () => {
  const claim = { first: 1, second: 2, firstRoot: leaf, secondRoot: nodeHash(leaf, other) }
  const proof = [other]

  it('holds of what was appended', () => {
    expect(verifyConsistency({ ...claim, proof })).toBe(true)
  })

  it.each<[string, Partial<ConsistencyClaim>]>([
    ['a first size that is a fraction', { first: 0.5 }],
    ['a second size that is a fraction', { second: 1.5 }],
    ['a second size that is no number', { second: Number.NaN }],
    [
      'sizes beyond exact numbers',
      { first: 2 ** 60, second: 2 ** 60, secondRoot: leaf, proof: [] },
    ],
    ['a tree that shrank', { first: 2, second: 1, secondRoot: leaf, proof: [] }],
    ['a proof longer than the path', { second: 1, secondRoot: nodeHash(other, leaf) }],
    ['a proof shorter than the path', { secondRoot: leaf, proof: [] }],
    ['no proof where it begins with a hash', { first: 3, second: 4, secondRoot: leaf, proof: [] }],
    ['another first root', { firstRoot: other }],
    ['another second root', { secondRoot: other }],
  ])('does not hold with %s', (_, more) => {
    expect(verifyConsistency({ ...claim, proof, ...more })).toBe(false)
  })

  it.each<[string, boolean, Partial<ConsistencyClaim>]>([
    ['its root, and any tree after it', true, {}],
    ['its root, and itself', true, { second: 0, secondRoot: EMPTY_ROOT }],
    ['its root, and another root of no leaf', false, { second: 0 }],
    ['another root', false, { firstRoot: leaf }],
    ['a hash for a proof', false, { proof: [other] }],
    ['a negative size', false, { first: -1, second: 0, secondRoot: EMPTY_ROOT }],
    ['another size that is a fraction', false, { second: 0.5 }],
  ])('of the empty tree with %s: %s', (_, holds, more) => {
    const empty = { first: 0, second: 2, firstRoot: EMPTY_ROOT, secondRoot: leaf, proof: [] }

    expect(verifyConsistency({ ...empty, ...more })).toBe(holds)
  })
})

describe('subtrees', () => {
  /** Any subtree of a tree: its start is a multiple of the power of two that holds it. */
  const places = fc
    .record({ size: fc.integer({ min: 1, max: 70 }), a: fc.nat(), b: fc.nat() })
    .map(({ size, a, b }) => {
      const width = 1 + (b % size)
      const unit = 2 ** Math.ceil(Math.log2(width))
      const start = (a % (Math.floor((size - width) / unit) + 1)) * unit
      return { size, start, end: start + width }
    })

  it('are shown to lie in the tree, and no other hashes are', () => {
    fc.assert(
      fc.property(places, ({ size, start, end }) => {
        const leaves = leavesOf(size)
        const subtreeRoot = definedRoot(leaves.slice(start, end))
        const proof = definedSubtreeProof(leaves, { start, end })
        const claim = { start, end, size, subtreeRoot, root: definedRoot(leaves), proof }

        expect(verifySubtreeConsistency(claim)).toBe(true)
        expect(verifySubtreeConsistency({ ...claim, subtreeRoot: other })).toBe(false)
        expect(verifySubtreeConsistency({ ...claim, root: other })).toBe(false)
        expect(verifySubtreeConsistency({ ...claim, proof: [...proof, other] })).toBe(false)
        for (let at = 0; at < proof.length; at += 1) {
          expect(verifySubtreeConsistency({ ...claim, proof: proof.toSpliced(at, 1) })).toBe(false)
          expect(verifySubtreeConsistency({ ...claim, proof: proof.with(at, other) })).toBe(false)
        }
      }),
    )
  })

  it('hold their leaves, at their places in the tree', async () => {
    await fc.assert(
      fc.asyncProperty(places, fc.nat(), async ({ start, end }, a) => {
        const index = start + (a % (end - start))
        const leaves = leavesOf(end).slice(start)
        const { read, root } = buildTree(leaves)
        const proof = await inclusionProof(read, index - start, end - start)
        const leafAt = leafHash(`leaf ${index}`)
        const claim = { index, start, end, leafHash: leafAt, root: root(end - start), proof }

        expect(verifySubtreeInclusion(claim)).toBe(true)
        expect(verifySubtreeInclusion({ ...claim, leafHash: other })).toBe(false)
        expect(verifySubtreeInclusion({ ...claim, index: index + 1 })).toBe(false)
        expect(verifySubtreeInclusion({ ...claim, index: index - 1 })).toBe(false)
      }),
    )
  })

  it.each([
    ['that begins elsewhere than at a multiple of its width', 1, 3],
    ['that ends before it begins', 2, 1],
    ['without a leaf', 2, 2],
    ['that begins before the tree', -1, 0],
    ['that begins at a fraction', 0.5, 1],
    ['that ends at a fraction', 0, 1.5],
  ])('are none %s', (_, start, end) => {
    const inclusion = { index: start, start, end, leafHash: leaf, root: leaf, proof: [] }
    const claim = { start, end, size: 3, subtreeRoot: leaf, root: leaf, proof: [] }

    expect(verifySubtreeInclusion(inclusion)).toBe(false)
    expect(verifySubtreeInclusion({ ...inclusion, index: end - 1 })).toBe(false)
    expect(verifySubtreeConsistency(claim)).toBe(false)
  })
})
