import { DerCursor, malformed, TAG, type Der } from '../seal/index.ts'
import { parseGeneralName, type GeneralName } from './general-names.ts'
import { isDnsName, isMailbox } from './name-matching.ts'

/** The subtrees that an authority's certificates must lie in, and those they must not (RFC 5280 §4.2.1.10). */
export interface NameConstraints {
  readonly permitted: readonly GeneralName[]
  readonly excluded: readonly GeneralName[]
}

/** @throws PlatformError INVALID_SEAL where a subtree is not one that can be compared */
export function parseNameConstraints(value: Der): NameConstraints {
  const cursor = new DerCursor(value, TAG.sequence, 'the name constraints')
  const permitted = cursor.optional(0xa0)
  const excluded = cursor.optional(0xa1)
  cursor.end()
  if (permitted === undefined && excluded === undefined)
    throw malformed('name-constraints', 'the name constraints are empty')
  return { permitted: parseSubtrees(permitted), excluded: parseSubtrees(excluded) }
}

function parseSubtrees(list: Der | undefined): GeneralName[] {
  if (list === undefined) return []
  if (list.children.length === 0)
    throw malformed('name-constraints', 'a list of name constraints is empty')
  return list.children.map((subtree) => {
    const cursor = new DerCursor(subtree, TAG.sequence, 'a name constraint')
    const base = cursor.any()
    if (base === undefined) throw malformed('name-constraints', 'a name constraint has no base')
    // RFC 5280 §4.2.1.10: minimum is 0, which DER leaves out, and maximum is absent
    cursor.end()
    const name = parseGeneralName(base)
    if (!isSubtree(name))
      throw malformed(
        'name-constraints',
        'a name constraint is not of the form that RFC 5280 gives',
      )
    return name
  })
}

function isSubtree(base: GeneralName): boolean {
  switch (base.type) {
    case 'dns':
      return base.value === '' || isDnsName(base.value)
    case 'email':
      return isMailbox(base.value) || isDnsName(base.value.replace(/^\./, ''))
    case 'uri':
      return isDnsName(base.value.replace(/^\./, ''))
    case 'ip':
      return isAddressRange(base.octets)
    case 'directory':
    case 'other':
      return true
  }
}

/** Address and mask; a mask with a hole is no range. */
function isAddressRange(octets: Uint8Array): boolean {
  if (octets.byteLength !== 8 && octets.byteLength !== 32) return false
  const mask = octets.subarray(octets.byteLength / 2)
  const bits = [...mask].map((octet) => octet.toString(2).padStart(8, '0')).join('')
  return /^1*0*$/.test(bits)
}
