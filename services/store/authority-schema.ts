/** Tables of the private authority, which has a database of its own. */

/** Keys of the private authority (a database of its own), a generation each; the certificate of those that have one. */
export interface AuthorityKeyTable {
  role: 'root' | 'ca' | 'ct' | 'tsa' | 'log'
  generation: number
  /** SubjectPublicKeyInfo, base64. */
  public_key: string
  /** DER, base64; none for keys of logs. */
  certificate: string | null
  valid_from: number
  /** From when on the key signs nothing more; null while it is in use. */
  valid_to: number | null
}

/** What the private authority has issued; written before it is handed out. */
export interface IssuedCertificateTable {
  /** hex */
  serial: string
  issued_at: number
  issuer: string
  subject: string
  /** DER, base64 */
  certificate: string
}

/** The private authority's log: one row, id 1. */
export interface LogHeadTable {
  id: number
  origin: string
  size: number
  frontier: string
  root: string
}

export interface LogEntryTable {
  index: number
  leaf_hash: string
  body: string
}

export interface LogNodeTable {
  level: number
  index: number
  hash: string
}
