import {
  EMPTY_FRONTIER,
  EMPTY_ROOT,
  appendLeaf,
  leafHash,
  nodeHash,
  rootOf,
  type Frontier,
  type Hash,
} from '../../services/ledger/index.ts'

export const leavesOf = (size: number): string[] =>
  Array.from({ length: size }, (_, at) => `leaf ${at}`)

/** RFC 6962 §2.1 word for word, to hold what is computed otherwise against. */
export function definedRoot(leaves: readonly string[]): Hash {
  const [only] = leaves
  if (only === undefined) return EMPTY_ROOT
  if (leaves.length === 1) return leafHash(only)
  const middle = largestPowerBelow(leaves.length)
  return nodeHash(definedRoot(leaves.slice(0, middle)), definedRoot(leaves.slice(middle)))
}

/** The proof of draft-ietf-plants-merkle-tree-certs §4.4.1 word for word: that the leaves hold a subtree. */
export function definedSubtreeProof(
  leaves: readonly string[],
  { start, end, whole = true }: { start: number; end: number; whole?: boolean },
): Hash[] {
  if (start === 0 && end === leaves.length) return whole ? [] : [definedRoot(leaves)]
  const middle = largestPowerBelow(leaves.length)
  const [left, right] = [leaves.slice(0, middle), leaves.slice(middle)]
  if (end <= middle)
    return [...definedSubtreeProof(left, { start, end, whole }), definedRoot(right)]
  const part =
    middle <= start
      ? { start: start - middle, end: end - middle, whole }
      : { start: 0, end: end - middle, whole: false }
  return [...definedSubtreeProof(right, part), definedRoot(left)]
}

/** A tree as appending makes it: its complete subtrees, and its frontier at every size. */
export function buildTree(leaves: readonly string[]) {
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

function largestPowerBelow(size: number): number {
  let power = 1
  while (power * 2 < size) power *= 2
  return power
}
