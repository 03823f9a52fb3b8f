import { TILE_HEIGHT, TILE_WIDTH, nodesOver, type Hash, type TreeNode } from '../ledger/index.ts'
import { PlatformError } from '../model/index.ts'
import type { Writer } from '../store/index.ts'

/** SQLite takes so many values in one statement; a row has three. */
const ROWS_AT_A_TIME = 256

/**
 * Writes the nodes of the tile that an entry fills and what it completes above: until then they follow from the leaves of
 * its entries, so that an append writes its entry and the head. `completed` are the subtrees that the entry completes.
 * @throws PlatformError LEDGER_BROKEN where the leaves that are there are not those that were appended
 */
export async function keepTile(tx: Writer, completed: readonly TreeNode[]): Promise<void> {
  const [leaf] = completed
  const root = completed[TILE_HEIGHT]
  const first = (leaf?.index ?? 0) + 1 - TILE_WIDTH
  const leaves = await tx
    .selectFrom('ledger_entry')
    .select('leaf_hash')
    .where('index', '>=', first)
    .orderBy('index')
    .execute()
  const within = nodesOver(
    first,
    leaves.map((row) => row.leaf_hash),
  )
  if (within.at(-1)?.hash !== root?.hash)
    throw new PlatformError('LEDGER_BROKEN', `the leaves from entry ${first} on were changed`)
  const nodes = [...within, ...completed.slice(TILE_HEIGHT + 1)]
  for (let at = 0; at < nodes.length; at += ROWS_AT_A_TIME)
    await tx
      .insertInto('ledger_node')
      .values(nodes.slice(at, at + ROWS_AT_A_TIME))
      // A ledger that is older than this kept each of them at once.
      .onConflict((conflict) => conflict.columns(['level', 'index']).doNothing())
      .execute()
}

/** The nodes of one level in the tile that is not full yet; none where it is. */
export function openTileNodes(
  level: number,
  leaves: readonly { readonly index: number; readonly leaf_hash: Hash }[],
): TreeNode[] {
  const first = leaves[0]?.index ?? 0
  const isWhole = leaves.every(({ index }, at) => index === first + at)
  if (!isWhole || leaves.length === TILE_WIDTH || first % TILE_WIDTH !== 0) return []
  const hashes = leaves.map((row) => row.leaf_hash)
  return nodesOver(first, hashes).filter((node) => node.level === level)
}
