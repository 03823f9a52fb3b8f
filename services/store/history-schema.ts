import type { Generated } from 'kysely'

/** What was live when; and what it is looked up by (migration 0016), made of governed rows and telling nothing by itself. */
export interface HistorySchema {
  live_interval: LiveIntervalTable
  live_term: LiveTermTable
  sbom_package: SbomPackageTable
}

export interface LiveTermTable {
  /** `digest HEX`, `layer ARN` with and without its version, `publisher NAME`. */
  term: string
  function_name: string
  /** One that was live under the name. */
  release: string
}

export interface SbomPackageTable {
  /** Lower case: its name, and its namespace and name where a package URL tells them. */
  package: string
  /** Of the unsealed bytes. */
  artifact_sha256: string
  /** The digest of the attestation that names it. */
  attestation: string
  /** Empty where it is not told, as `purl` is. */
  version: string
  purl: string
}

export interface LiveIntervalTable {
  id: Generated<number>
  function_name: string
  /** Alias name, version digits, or `$LATEST`. */
  alias: string
  slot: 'primary' | 'weighted'
  version: string
  weight: number
  layers: string
  code_sha256: string
  release: string
  decision_id: string
  from_ms: number
  to_ms: number | null
  from_index: number
  to_index: number | null
}
