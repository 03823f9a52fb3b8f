import { canonicalJson, sha256, toIsoTime } from '../model/index.ts'
import type { LedgerEntry } from './entry.ts'

/** What stands beside an entry: its place in the tree, and how the decision that it names went. */
export interface EntryContext {
  readonly leafHash: string
  readonly outcome: string | undefined
}

/**
 * The entry as a CloudEvent 1.0 in JSON, the same bytes whenever it is asked for. It says who did what to what, and not
 * which rows that changed: whoever wants those reads the ledger.
 */
export function toCloudEvent(entry: LedgerEntry, { leafHash, outcome }: EntryContext): string {
  const { type, origin, index, at, principal, action, resource, decision, note } = entry
  return canonicalJson({
    specversion: '1.0',
    id: entryEventId(origin, index),
    source: origin,
    type: `lacre.ledger.${type}`,
    subject: resource,
    time: toIsoTime(at),
    datacontenttype: 'application/json',
    data: {
      index,
      leafHash,
      type,
      principal: { ...principal },
      action,
      resource,
      decision: decision && { ...decision, ...(outcome === undefined ? {} : { outcome }) },
      ...(note === undefined ? {} : { note }),
    },
  })
}

/** The same for one entry always, and no other's: ledgers are told apart by a digest of their origin. */
export function entryEventId(origin: string, index: number): string {
  return `${sha256(origin).slice(0, 16)}-${index}`
}
