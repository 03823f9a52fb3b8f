import { canonicalJson, sha256, toIsoTime, type Json } from '../../model/index.ts'
import type { LedgerEntry } from '../entry.ts'

/** An entry as a CloudEvents 1.0 event in structured JSON, the whole of it: for whoever takes the audit elsewhere. */
export function toCloudEvent(entry: LedgerEntry): string {
  return envelope(entry, entry as unknown as Json)
}

/** What stands beside an entry: its place in the tree, and how the decision that it names went. */
export interface EntryContext {
  readonly leafHash: string
  readonly outcome: string | undefined
}

/**
 * The same event for whoever is told of it, the same bytes whenever it is asked for. It says who did what to what, and not
 * which rows that changed: whoever wants those reads the ledger.
 */
export function toNotification(entry: LedgerEntry, { leafHash, outcome }: EntryContext): string {
  const { type, index, principal, action, resource, decision, note } = entry
  return envelope(entry, {
    index,
    leafHash,
    type,
    principal: { ...principal },
    action,
    resource,
    decision: decision && { ...decision, outcome },
    note,
  })
}

/** The same for one entry always, and no other's: ledgers are told apart by a digest of their origin. */
export function entryEventId(origin: string, index: number): string {
  return `${sha256(origin).slice(0, 16)}-${index}`
}

function envelope({ origin, index, type, resource, at }: LedgerEntry, data: Json): string {
  return canonicalJson({
    specversion: '1.0',
    id: entryEventId(origin, index),
    source: origin,
    type: `lacre.ledger.${type}`,
    subject: resource,
    time: toIsoTime(at),
    datacontenttype: 'application/json',
    data,
  })
}
