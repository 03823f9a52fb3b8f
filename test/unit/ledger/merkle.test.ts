import { describe, expect, it } from 'vitest'

import {
  EMPTY_FRONTIER,
  EMPTY_ROOT,
  appendLeaf,
  frontierNodes,
  isFrontier,
  leafHash,
  nodeHash,
  nodesOver,
  rootOf,
  subtreeHash,
  type Frontier,
} from '../../../services/ledger/index.ts'
import { buildTree, definedRoot, leavesOf } from '../../support/merkle-trees.ts'

/** The leaves by which Certificate Transparency's implementations test themselves, and the roots that they have. */
const KNOWN: readonly (readonly [leaf: string, root: string])[] = [
  ['', '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d'],
  ['00', 'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125'],
  ['10', 'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77'],
  ['2021', 'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7'],
  ['3031', '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4'],
  ['40414243', '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef'],
  ['5051525354555657', 'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c'],
  [
    '606162636465666768696a6b6c6d6e6f',
    '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
  ],
]

describe('RFC 6962 hashing', () => {
  it('has the known root of nothing and hash of the empty leaf', () => {
    expect(EMPTY_ROOT).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
    expect(leafHash('')).toBe('6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d')
  })

  it('has the known roots of the leaves that others test themselves with', () => {
    let frontier: Frontier = EMPTY_FRONTIER
    for (const [leaf, root] of KNOWN) {
      frontier = appendLeaf(frontier, leafHash(Buffer.from(leaf, 'hex'))).frontier
      expect(rootOf(frontier)).toBe(root)
    }
  })

  it('never takes a node for a leaf', () => {
    const [a, b] = [leafHash('a'), leafHash('b')]

    expect(nodeHash(a, b)).not.toBe(leafHash(Buffer.from(a + b, 'hex')))
  })

  it('gives the root of the definition for every size, from the frontier alone', () => {
    const leaves = leavesOf(70)
    const tree = buildTree(leaves)

    for (let size = 0; size <= leaves.length; size += 1) {
      expect(tree.root(size)).toBe(definedRoot(leaves.slice(0, size)))
      expect(isFrontier(tree.frontiers[size]!)).toBe(true)
      expect(frontierNodes(size).map(({ level, index }) => tree.read(level, index))).toEqual(
        tree.frontiers[size]!.hashes,
      )
    }
  })

  it('writes each complete subtree once, under its level and index', async () => {
    const tree = buildTree(leavesOf(37))

    expect(tree.nodes.size).toBe(37 + 18 + 9 + 4 + 2 + 1)
    expect(await subtreeHash(tree.read, { start: 0, end: 37 })).toBe(tree.root(37))
  })

  it('tells a frontier that does not fit its size', () => {
    expect(isFrontier({ size: 5, hashes: ['a'] })).toBe(false)
    expect(isFrontier({ size: 5, hashes: ['a', 'b', 'c'] })).toBe(false)
  })

  it('appends to no frontier that lacks what its size needs', () => {
    expect(() => appendLeaf({ size: 3, hashes: [leafHash('')] }, leafHash('x'))).toThrow(
      new RangeError('the frontier does not fit its size'),
    )
  })

  it('says where the complete subtrees of any size stand, as far as sizes are exact', () => {
    expect(frontierNodes(7)).toEqual([
      { level: 2, index: 0 },
      { level: 1, index: 2 },
      { level: 0, index: 6 },
    ])
    expect(frontierNodes(2 ** 52 + 1)).toEqual([
      { level: 52, index: 0 },
      { level: 0, index: 2 ** 52 },
    ])
  })

  it.each([0, 1, 2, 5, 8, 21])('makes the subtrees over %i leaves that appending makes', (size) => {
    const tree = buildTree(leavesOf(64))
    const leaves = leavesOf(64).map(leafHash)

    const nodes = nodesOver(32, leaves.slice(32, 32 + size))

    const appended = [...buildTree(leavesOf(32 + size)).nodes.keys()]
    const before = new Set(buildTree(leavesOf(32)).nodes.keys())
    expect(nodes.map(({ level, index }) => `${level}/${index}`).toSorted()).toEqual(
      appended.filter((place) => !before.has(place)).toSorted(),
    )
    for (const { level, index, hash } of nodes) expect(hash).toBe(tree.read(level, index))
    const levels = nodes.map(({ level }) => level)
    expect(levels).toEqual(levels.toSorted((a, b) => a - b))
  })
})
