import { canonicalJson, sha256, type Json, type Sha256 } from '../model/index.ts'

/** A governed row as the store has it: column → value. */
export type Row = Readonly<Record<string, string | number | null>>

/** SHA-256 of the row's canonical JSON. Empty columns are left out, so that a later migration may add one. */
export function rowDigest(row: Row): Sha256 {
  const filled = Object.entries(row).filter(([, value]) => value !== null)
  return sha256(canonicalJson(Object.fromEntries(filled) as Json))
}
