import type { Certificate } from './certificate.ts'
import type { GeneralName } from './general-names.ts'
import type { NameConstraints } from './name-constraints.ts'
import { couldBeIn, isDnsName, isMailbox, isWithin, uriHost } from './name-matching.ts'

/** Thousands of names against thousands of subtrees were a denial of service (CVE-2021-44533's kin); Go stops there, too. */
const COMPARISONS_LIMIT = 250_000

/** What one search may still spend on comparing names. */
export interface ComparisonBudget {
  comparisons: number
}

export function newComparisonBudget(): ComparisonBudget {
  return { comparisons: COMPARISONS_LIMIT }
}

/**
 * What names of `certificate` the constraints forbid, in words; `undefined` where none. A type of name that cannot be
 * compared is refused where the certificate has such a name (RFC 5280 §4.2.1.10).
 */
export function findForbiddenName(
  certificate: Certificate,
  constraints: NameConstraints,
  budget: ComparisonBudget,
): string | undefined {
  for (const name of namesOf(certificate)) {
    const permitted = constraints.permitted.filter((base) => isSameType(base, name))
    const excluded = constraints.excluded.filter((base) => isSameType(base, name))
    budget.comparisons -= constraints.permitted.length + constraints.excluded.length
    if (budget.comparisons < 0) return 'more names than are compared'
    if (permitted.length === 0 && excluded.length === 0) continue
    if (!isComparable(name)) return `${describe(name)}, which cannot be compared`
    if (permitted.length > 0 && !permitted.some((base) => isWithin(name, base)))
      return `${describe(name)}, which is not permitted`
    if (excluded.some((base) => couldBeIn(name, base)))
      return `${describe(name)}, which is excluded`
  }
  return undefined
}

function isSameType(base: GeneralName, name: GeneralName): boolean {
  if (base.type === 'other') return name.type === 'other' && base.tag === name.tag
  return base.type === name.type
}

function isComparable(name: GeneralName): boolean {
  switch (name.type) {
    case 'dns':
      return isDnsName(name.value.replace(/^\*\./, ''))
    case 'email':
      return isMailbox(name.value)
    case 'uri':
      return uriHost(name.value) !== undefined
    case 'ip':
      return name.octets.byteLength === 4 || name.octets.byteLength === 16
    case 'directory':
      return true
    case 'other':
      return false
  }
}

/**
 * Subject and alternative names; the subject's e-mail addresses too (RFC 5280 §4.2.1.10), and common names that look
 * like host names where there is no dNSName, since readers exist that take them for such.
 */
function namesOf({ subjectName, extensions }: Certificate): GeneralName[] {
  const { generalNames } = extensions
  const subject: GeneralName[] =
    subjectName.rdns.length === 0 ? [] : [{ type: 'directory', name: subjectName }]
  const emails = subjectName.emails.map((value): GeneralName => ({ type: 'email', value }))
  const hosts = generalNames.some(({ type }) => type === 'dns')
    ? []
    : subjectName.commonNames.filter((value) => value.includes('.') && isDnsName(value))
  return [
    ...subject,
    ...emails,
    ...hosts.map((value): GeneralName => ({ type: 'dns', value })),
    ...generalNames,
  ]
}

function describe(name: GeneralName): string {
  switch (name.type) {
    case 'dns':
    case 'email':
    case 'uri':
      return `the ${name.type} name \`${name.value.slice(0, 200)}\``
    case 'ip':
      return `the IP address ${[...name.octets].join('.')}`
    case 'directory':
      return 'its subject or a directory name'
    case 'other':
      return 'a name of another type'
  }
}
