import { DerCursor, readDer, TAG, toOid, type Der } from '../seal/index.ts'
import { EXTENSION, readExtensions, type Extensions } from './extensions.ts'
import { parseGeneralName } from './general-names.ts'
import type { DistinguishedName } from './names.ts'
import { isProperTime } from './validity.ts'
import { unlessRefused } from './refusals.ts'

/** Authority and subject information access (RFC 5280 §4.2.2): never followed, so opened only here. */
const INFORMATION_ACCESS = ['1.3.6.1.5.5.7.1.1', '1.3.6.1.5.5.7.1.11']
const MUST_BE_CRITICAL: Readonly<Record<string, string>> = {
  [EXTENSION.nameConstraints]: 'name constraints',
  [EXTENSION.policyConstraints]: 'policy constraints',
  [EXTENSION.inhibitAnyPolicy]: 'an inhibition of any policy',
}
const MUST_NOT_BE_CRITICAL: Readonly<Record<string, string>> = {
  [EXTENSION.subjectKeyId]: 'subject key id',
  [EXTENSION.authorityKeyId]: 'authority key id',
}

/** Of no matter in an anchor, whose issuer nobody looks for. */
export const NO_AUTHORITY_KEY_ID = 'no authority key id'

interface Fields {
  readonly extensions: Extensions
  readonly issuerName: DistinguishedName
  readonly subjectName: DistinguishedName
}

/**
 * What RFC 5280 §4 demands of whoever issues and §6 does not look at. Path validation alone lets it pass, as PKITS
 * wants it to; a publisher with the profile `rfc5280` does not.
 */
export function findDepartures(
  { extensions, issuerName, subjectName }: Fields,
  raw: { readonly list: Der | undefined; readonly times: readonly (Der | undefined)[] },
): readonly string[] {
  const { ca, present, keyUsage } = extensions
  const selfIssued = issuerName.key === subjectName.key
  const flags = [...present].flatMap(([oid, critical]) => {
    const [lax, strict] = [MUST_BE_CRITICAL[oid], MUST_NOT_BE_CRITICAL[oid]]
    if (lax !== undefined && !critical) return [`${lax} that are not critical`]
    return strict !== undefined && critical ? [`a critical ${strict}`] : []
  })
  const faults: readonly (readonly [boolean, string])[] = [
    [ca && present.get(EXTENSION.basicConstraints) === false, 'basic constraints not critical'],
    [ca && extensions.subjectKeyId === undefined, 'no subject key id'],
    // §4.2.1.1: a certificate that its own key signed may leave it out
    [!selfIssued && extensions.authorityKeyId === undefined, NO_AUTHORITY_KEY_ID],
    [!ca && keyUsage?.certSign === true, 'keyCertSign without being a CA'],
    [keyUsage?.bits === 0, 'a key usage without a use'],
    [subjectName.rdns.length === 0 && present.get(EXTENSION.altNames) !== true, 'no subject'],
    [raw.times.some((time) => time !== undefined && !isProperTime(time)), 'a time in a wrong form'],
    [!informationAccessReads(raw.list), 'information access that cannot be read'],
  ]
  return [...flags, ...faults.flatMap(([holds, what]) => (holds ? [what] : []))]
}

function informationAccessReads(list: Der | undefined): boolean {
  if (list === undefined) return true
  const found = readExtensions(list, 'the certificate')
  return INFORMATION_ACCESS.every((oid) => {
    const extension = found.get(oid)
    return (
      extension === undefined ||
      unlessRefused(
        () => readInformationAccess(readDer(extension.value)),
        () => false,
      )
    )
  })
}

function readInformationAccess(value: Der): true {
  for (const item of new DerCursor(value, TAG.sequence, 'the information access').rest()) {
    const cursor = new DerCursor(item, TAG.sequence, 'an access description')
    toOid(cursor.any())
    const location = cursor.any()
    cursor.end()
    if (location !== undefined) parseGeneralName(location)
  }
  return true
}
