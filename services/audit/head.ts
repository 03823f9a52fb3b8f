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
