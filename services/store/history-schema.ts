/** What the history is looked up by (migration 0016); made of governed rows, and telling nothing by itself. */
export interface HistorySchema {
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
