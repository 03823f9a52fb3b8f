import {
  DerCursor,
  malformed,
  readDer,
  TAG,
  toOid,
  toSmallInteger,
  type Der,
} from '../seal/index.ts'

export type AltNameType = 'dns' | 'uri' | 'email'

/** The extensions of a certificate that a path is judged by (RFC 5280 §4.2). */
export interface Extensions {
  readonly ca: boolean
  readonly pathLength: number | undefined
  /** `undefined` where the extension is absent: nothing is restricted then. */
  readonly keyUsage: { readonly digitalSignature: boolean; readonly certSign: boolean } | undefined
  readonly extendedKeyUsage: readonly string[] | undefined
  readonly extendedKeyUsageCritical: boolean
  readonly subjectKeyId: string | undefined
  readonly authorityKeyId: string | undefined
  readonly altNames: readonly { readonly type: AltNameType; readonly value: string }[]
  /** Extensions that are critical and unknown, or that restrict names or policies, which are not processed. */
  readonly refused: readonly string[]
}

const OIDS = {
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  altNames: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  certificatePolicies: '2.5.29.32',
  policyMappings: '2.5.29.33',
  authorityKeyId: '2.5.29.35',
  policyConstraints: '2.5.29.36',
  extendedKeyUsage: '2.5.29.37',
  inhibitAnyPolicy: '2.5.29.54',
} as const
const PROCESSED: ReadonlySet<string> = new Set([
  OIDS.subjectKeyId,
  OIDS.keyUsage,
  OIDS.altNames,
  OIDS.basicConstraints,
  OIDS.certificatePolicies,
  OIDS.authorityKeyId,
  OIDS.extendedKeyUsage,
])
/** Refused even when not critical: to pass over a restriction is to lift it. */
const RESTRICTING: Readonly<Record<string, string>> = {
  [OIDS.nameConstraints]: 'name constraints',
  [OIDS.policyConstraints]: 'policy constraints',
  [OIDS.inhibitAnyPolicy]: 'inhibit any policy',
}

/** `list` is the SEQUENCE OF Extension. @throws PlatformError INVALID_SEAL */
export function parseExtensions(list: Der): Extensions {
  const values = new Map<string, Der>()
  const refused: string[] = []
  let extendedKeyUsageCritical = false
  for (const item of new DerCursor(list, TAG.sequence, 'the extensions').rest()) {
    const { oid, critical, value } = parseExtension(item)
    if (values.has(oid)) throw malformed('extension-twice', `the certificate has \`${oid}\` twice`)
    if (oid === OIDS.extendedKeyUsage) extendedKeyUsageCritical = critical
    const restricting = RESTRICTING[oid]
    if (restricting !== undefined) refused.push(restricting)
    else if (critical && !PROCESSED.has(oid)) refused.push(`the critical extension ${oid}`)
    // only what is used is opened: others may hold what they like
    values.set(oid, PROCESSED.has(oid) ? readDer(value) : item)
  }
  return {
    ...parseBasicConstraints(values.get(OIDS.basicConstraints)),
    keyUsage: parseKeyUsage(values.get(OIDS.keyUsage)),
    extendedKeyUsage: parseExtendedKeyUsage(values.get(OIDS.extendedKeyUsage)),
    extendedKeyUsageCritical,
    subjectKeyId: toHex(values.get(OIDS.subjectKeyId)),
    authorityKeyId: toHex(
      values.get(OIDS.authorityKeyId)?.children.find((field) => field.tag === 0x80),
    ),
    altNames: parseAltNames(values.get(OIDS.altNames)),
    refused,
  }
}

function parseExtension(item: Der): { oid: string; critical: boolean; value: Uint8Array } {
  const cursor = new DerCursor(item, TAG.sequence, 'an extension')
  const oid = toOid(cursor.any())
  const critical = cursor.optional(TAG.boolean)
  const value = cursor.take(TAG.octetString, 'value').content
  cursor.end()
  // X.690 §11.5: a default value is not encoded
  if (critical?.content[0] === 0)
    throw malformed('extension-default', 'the certificate writes out a default value')
  return { oid, critical: critical !== undefined, value }
}

/** Absent means no CA; node-forge once read it as the opposite (GHSA-2328-f5f3-gj25). */
function parseBasicConstraints(value: Der | undefined): Pick<Extensions, 'ca' | 'pathLength'> {
  if (value === undefined) return { ca: false, pathLength: undefined }
  const cursor = new DerCursor(value, TAG.sequence, 'the basic constraints')
  const ca = cursor.optional(TAG.boolean)?.content[0] === 0xff
  const length = cursor.optional(TAG.integer)
  cursor.end()
  if (length !== undefined && !ca)
    throw malformed('basic-constraints', 'a certificate that is no CA has a path length')
  return {
    ca,
    pathLength: length === undefined ? undefined : toSmallInteger(length, 'the path length'),
  }
}

function parseKeyUsage(value: Der | undefined): Extensions['keyUsage'] {
  if (value === undefined) return undefined
  if (value.tag !== TAG.bitString) throw malformed('key-usage', 'the key usage is malformed')
  const bits = value.content[1] ?? 0
  return { digitalSignature: (bits & 0x80) !== 0, certSign: (bits & 0x04) !== 0 }
}

function parseExtendedKeyUsage(value: Der | undefined): readonly string[] | undefined {
  if (value === undefined) return undefined
  const usages = [...new DerCursor(value, TAG.sequence, 'the extended key usage').rest()].map(toOid)
  if (usages.length === 0) throw malformed('extended-key-usage', 'the extended key usage is empty')
  return usages
}

/** Names are kept with their type and compared exactly; types that nobody can ask for are passed over. */
function parseAltNames(value: Der | undefined): Extensions['altNames'] {
  if (value === undefined) return []
  const types: Readonly<Record<number, AltNameType>> = { 0x81: 'email', 0x82: 'dns', 0x86: 'uri' }
  return [...new DerCursor(value, TAG.sequence, 'the alternative names').rest()].flatMap((name) => {
    const type = types[name.tag]
    if (type === undefined) return []
    const text = Buffer.from(name.content).toString('latin1')
    // a NUL or a foreign character makes two readers see two names
    if (!/^[\x20-\x7e]+$/.test(text))
      throw malformed('alternative-name', 'an alternative name is not printable ASCII')
    return [{ type, value: text }]
  })
}

function toHex(value: Der | undefined): string | undefined {
  return value === undefined ? undefined : Buffer.from(value.content).toString('hex')
}
