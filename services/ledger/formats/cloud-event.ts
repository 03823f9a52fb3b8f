import { canonicalJson, toIsoTime, type Json } from '../../model/index.ts'
import type { LedgerEntry } from '../entry.ts'

/** An entry as a CloudEvents 1.0 event in structured JSON: unique by source (the log) and id (the index). */
export function toCloudEvent(entry: LedgerEntry): string {
  return canonicalJson({
    specversion: '1.0',
    id: String(entry.index),
    source: entry.origin,
    type: `lacre.ledger.${entry.type}`,
    subject: entry.resource,
    time: toIsoTime(entry.at),
    datacontenttype: 'application/json',
    data: entry as unknown as Json,
  })
}
