/** Tables of the private authority, which has a database of its own. */
export interface AuthoritySchema {
  authority_key: AuthorityKeyTable
  issued_certificate: IssuedCertificateTable
  log_head: LogHeadTable
  log_entry: LogEntryTable
  log_node: LogNodeTable
}

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
interface IssuedCertificateTable {
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

interface LogEntryTable {
  index: number
  leaf_hash: string
  body: string
}

interface LogNodeTable {
  level: number
  index: number
  hash: string
}
