import { EMPTY_ROOT, type Frontier } from '../ledger/index.ts'
import { PlatformError } from '../model/index.ts'
import type { LedgerHeadTable, Reader } from '../store/index.ts'

export const EMPTY_HEAD = { size: 0, frontier: '[]', root: EMPTY_ROOT, last_at: 0 }

export function frontierOf(head: LedgerHeadTable): Frontier {
  return { size: head.size, hashes: parseHashes(head.frontier) }
}

export async function findHead(reader: Reader): Promise<LedgerHeadTable | undefined> {
  return await reader.selectFrom('ledger_head').selectAll().where('id', '=', 1).executeTakeFirst()
}

function parseHashes(text: string): string[] {
  try {
    const value: unknown = JSON.parse(text)
    if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value
  } catch (cause) {
    throw new PlatformError('LEDGER_BROKEN', 'the frontier of the ledger cannot be read', { cause })
  }
  throw new PlatformError('LEDGER_BROKEN', 'the frontier of the ledger cannot be read')
}

/** What a ledger is at, with the newest checkpoint that was signed of it. */
export interface LedgerStand {
  readonly origin: string
  readonly size: number
  readonly root: string
  /** C2SP signed note; null where none was signed yet. */
  readonly checkpoint: string | null
}

export async function readStand(reader: Reader): Promise<LedgerStand> {
  const head = await findHead(reader)
  const signed = await reader
    .selectFrom('ledger_checkpoint')
    .select('note')
    .orderBy('size', 'desc')
    .limit(1)
    .executeTakeFirst()
  const { origin = '', size = 0, root = EMPTY_ROOT } = head ?? {}
  return { origin, size, root, checkpoint: signed?.note ?? null }
}
