import type { LedgerEntry } from '../../services/ledger/index.ts'
import { canonicalJson, type Json } from '../../services/model/index.ts'

/** The canonical text of an entry that changes nothing; `more` replaces its members. */
export function entryText(more: object = {}): string {
  const entry = {
    v: 1,
    type: 'test',
    origin: 'lacre.test/log',
    index: 0,
    at: 1000,
    action: 'a',
    resource: 'r',
    principal: { id: 'p', kind: 'user', name: 'n' },
    decision: null,
    world: 0,
    changes: [],
    ...more,
  }
  return canonicalJson(entry as Json)
}

/** An entry of an alias that moved; `more` replaces its members. */
export const changeEntry = (more: Partial<LedgerEntry> = {}): LedgerEntry => ({
  v: 1,
  type: 'change',
  origin: 'lacre/000000000000/us-east-1/x',
  index: 7,
  at: 1_800_000_000_123,
  principal: { id: 'usr-1', kind: 'user', name: 'alice' },
  action: 'lambda:UpdateAlias',
  resource: 'arn:aws:lambda:us-east-1:000000000000:function:f:prod',
  decision: { id: 'dec-1', digest: 'ab'.repeat(32) },
  world: 3,
  changes: [{ table: 'alias', key: { function_id: 'fn-1', name: 'prod' }, sha256: null }],
  ...more,
})
