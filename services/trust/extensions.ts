import {
  DerCursor,
  malformed,
  readDer,
  TAG,
  toOid,
  toSmallInteger,
  type Der,
} from '../seal/index.ts'
import { parseDistributionPoints, type DistributionPoint } from './distribution-points.ts'
import { parseGeneralName, type GeneralName } from './general-names.ts'
import { parseNameConstraints, type NameConstraints } from './name-constraints.ts'
import {
  parseInhibitAny,
  parseMappings,
  parsePolicies,
  parsePolicyConstraints,
  type PolicyExtensions,
} from './policy-extensions.ts'

export type AltNameType = 'dns' | 'uri' | 'email'

export interface KeyUsage {
  readonly critical: boolean
  readonly digitalSignature: boolean
  readonly certSign: boolean
  readonly crlSign: boolean
  /** The first octet of the bit string, digitalSignature in its highest bit. */
  readonly bits: number
}

/** The extensions of a certificate that a path is judged by (RFC 5280 §4.2). */
export interface Extensions {
  readonly ca: boolean
  readonly pathLength: number | undefined
  /** `undefined` where the extension is absent: nothing is restricted then. */
  readonly keyUsage: KeyUsage | undefined
  readonly extendedKeyUsage: readonly string[] | undefined
  readonly extendedKeyUsageCritical: boolean
  readonly subjectKeyId: string | undefined
  readonly authorityKeyId: string | undefined
  /** Of the types that a publisher can name. */
  readonly altNames: readonly { readonly type: AltNameType; readonly value: string }[]
  /** All alternative names, of whatever type. */
  readonly generalNames: readonly GeneralName[]
  readonly nameConstraints: NameConstraints | undefined
  readonly policy: PolicyExtensions
  /** Where its revocation list is said to lie; compared with what a list says of itself, never fetched. */
  readonly distributionPoints: readonly DistributionPoint[]
  /** All that stand in the certificate, by object identifier, with their critical flag. */
  readonly present: ReadonlyMap<string, boolean>
  /** Extensions that are critical and not processed, or stand where they must not. */
  readonly refused: readonly string[]
}

export const EXTENSION = {
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  altNames: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  distributionPoints: '2.5.29.31',
  certificatePolicies: '2.5.29.32',
  policyMappings: '2.5.29.33',
  authorityKeyId: '2.5.29.35',
  policyConstraints: '2.5.29.36',
  extendedKeyUsage: '2.5.29.37',
  inhibitAnyPolicy: '2.5.29.54',
  /** RFC 6960 §4.2.2.2.1: says that nobody need ask about this certificate; nobody does. */
  ocspNoCheck: '1.3.6.1.5.5.7.48.1.5',
} as const
const PROCESSED: ReadonlySet<string> = new Set(Object.values(EXTENSION))

/** `list` is the SEQUENCE OF Extension. @throws PlatformError INVALID_SEAL */
export function parseExtensions(list: Der): Extensions {
  const found = readExtensions(list, 'the certificate')
  const values = new Map<string, Der>()
  // only what is used is opened: others may hold what they like
  for (const [oid, { value }] of found) if (PROCESSED.has(oid)) values.set(oid, readDer(value))
  const present = new Map([...found].map(([oid, { critical }]) => [oid, critical] as const))
  const basic = parseBasicConstraints(values.get(EXTENSION.basicConstraints))
  const generalNames = parseAltNames(values.get(EXTENSION.altNames))
  const constraints = values.get(EXTENSION.nameConstraints)
  return {
    ...basic,
    keyUsage: parseKeyUsage(
      values.get(EXTENSION.keyUsage),
      present.get(EXTENSION.keyUsage) === true,
    ),
    extendedKeyUsage: parseExtendedKeyUsage(values.get(EXTENSION.extendedKeyUsage)),
    extendedKeyUsageCritical: present.get(EXTENSION.extendedKeyUsage) === true,
    subjectKeyId: toHex(values.get(EXTENSION.subjectKeyId), TAG.octetString),
    authorityKeyId: parseAuthorityKeyId(values.get(EXTENSION.authorityKeyId)),
    altNames: generalNames.flatMap((name) =>
      name.type === 'dns' || name.type === 'uri' || name.type === 'email' ? [name] : [],
    ),
    generalNames,
    nameConstraints: constraints === undefined ? undefined : parseNameConstraints(constraints),
    policy: parsePolicyExtensions(values),
    distributionPoints: parseDistributionPoints(values.get(EXTENSION.distributionPoints)),
    present,
    refused: [
      ...[...present]
        .filter(([oid, critical]) => critical && !PROCESSED.has(oid))
        .map(([oid]) => `the critical extension ${oid}`),
      // RFC 5280 §4.2.1.10: in a CA certificate alone
      ...(constraints !== undefined && !basic.ca ? ['name constraints without being a CA'] : []),
    ],
  }
}

interface RawExtension {
  readonly critical: boolean
  readonly value: Uint8Array
}

/** The extensions of a certificate, a revocation list or an entry of one, each once. @throws PlatformError INVALID_SEAL */
export function readExtensions(list: Der, of: string): ReadonlyMap<string, RawExtension> {
  const found = new Map<string, RawExtension>()
  for (const item of new DerCursor(list, TAG.sequence, 'the extensions').rest()) {
    const { oid, critical, value } = parseExtension(item)
    if (found.has(oid)) throw malformed('extension-twice', `${of} has \`${oid}\` twice`)
    found.set(oid, { critical, value })
  }
  return found
}

function parseExtension(item: Der): RawExtension & { readonly oid: string } {
  const cursor = new DerCursor(item, TAG.sequence, 'an extension')
  const oid = toOid(cursor.any())
  const critical = cursor.optional(TAG.boolean)
  const value = cursor.take(TAG.octetString, 'value').content
  cursor.end()
  // X.690 §11.5: a default value is not encoded
  if (critical?.content[0] === 0)
    throw malformed('extension-default', 'an extension writes out a default value')
  return { oid, critical: critical !== undefined, value }
}

function parsePolicyExtensions(values: ReadonlyMap<string, Der>): PolicyExtensions {
  const policies = values.get(EXTENSION.certificatePolicies)
  const mappings = values.get(EXTENSION.policyMappings)
  const constraints = values.get(EXTENSION.policyConstraints)
  const inhibitAny = values.get(EXTENSION.inhibitAnyPolicy)
  return {
    policies: policies && parsePolicies(policies),
    mappings: mappings === undefined ? [] : parseMappings(mappings),
    ...(constraints === undefined
      ? { requireExplicit: undefined, inhibitMapping: undefined }
      : parsePolicyConstraints(constraints)),
    inhibitAny: inhibitAny && parseInhibitAny(inhibitAny),
  }
}

/** Absent means no CA; node-forge once read it as the opposite (GHSA-2328-f5f3-gj25). */
function parseBasicConstraints(value: Der | undefined): Pick<Extensions, 'ca' | 'pathLength'> {
  if (value === undefined) return { ca: false, pathLength: undefined }
  const cursor = new DerCursor(value, TAG.sequence, 'the basic constraints')
  const ca = cursor.optional(TAG.boolean)?.content[0] === 0xff
  const length = cursor.optional(TAG.integer)
  cursor.end()
  const pathLength = length && toSmallInteger(length, 'the path length')
  // RFC 5280 §4.2.1.9: of a certificate that is no CA it says nothing
  return { ca, pathLength: ca ? pathLength : undefined }
}

function parseKeyUsage(value: Der | undefined, critical: boolean): KeyUsage | undefined {
  if (value === undefined) return undefined
  if (value.tag !== TAG.bitString) throw malformed('key-usage', 'the key usage is malformed')
  const bits = value.content[1] ?? 0
  return {
    critical,
    digitalSignature: (bits & 0x80) !== 0,
    certSign: (bits & 0x04) !== 0,
    crlSign: (bits & 0x02) !== 0,
    bits,
  }
}

function parseExtendedKeyUsage(value: Der | undefined): readonly string[] | undefined {
  if (value === undefined) return undefined
  const usages = [...new DerCursor(value, TAG.sequence, 'the extended key usage').rest()].map(toOid)
  if (usages.length === 0) throw malformed('extended-key-usage', 'the extended key usage is empty')
  return usages
}

function parseAltNames(value: Der | undefined): readonly GeneralName[] {
  if (value === undefined) return []
  const names = [...new DerCursor(value, TAG.sequence, 'the alternative names').rest()]
  if (names.length === 0)
    throw malformed('alternative-name', 'the certificate has an empty list of alternative names')
  return names.map(parseGeneralName)
}

/** RFC 5280 §4.2.1.1: the key's id alone counts; issuer and serial may stand beside it. */
function parseAuthorityKeyId(value: Der | undefined): string | undefined {
  if (value === undefined) return undefined
  const cursor = new DerCursor(value, TAG.sequence, 'the authority key id')
  const keyId = cursor.optional(0x80)
  const issuer = cursor.optional(0xa1)
  const serial = cursor.optional(0x82)
  cursor.end()
  if ((issuer === undefined) !== (serial === undefined))
    throw malformed('authority-key-id', 'the authority key id has half an issuer and serial')
  return toHex(keyId, 0x80)
}

function toHex(value: Der | undefined, tag: number): string | undefined {
  if (value === undefined) return undefined
  if (value.tag !== tag) throw malformed('der-shape', 'a key id is not what it should be')
  return Buffer.from(value.content).toString('hex')
}
