import { DerCursor, malformed, TAG, toOid, toSmallInteger, type Der } from '../seal/index.ts'

/** Policies or mappings of one certificate: trees of them grew without bound (CVE-2023-0464). */
const LIST_LIMIT = 128

/** The policy extensions of one certificate (RFC 5280 §4.2.1.4, .5, .11, .14). */
export interface PolicyExtensions {
  readonly policies: readonly string[] | undefined
  readonly mappings: readonly { readonly issuer: string; readonly subject: string }[]
  readonly requireExplicit: number | undefined
  readonly inhibitMapping: number | undefined
  readonly inhibitAny: number | undefined
}

/** @throws PlatformError INVALID_SEAL */
export function parsePolicies(value: Der): readonly string[] {
  const oids = items(value, 'the certificate policies').map((item) => {
    const cursor = new DerCursor(item, TAG.sequence, 'a certificate policy')
    const oid = toOid(cursor.any())
    const qualifiers = cursor.optional(TAG.sequence)
    cursor.end()
    if (qualifiers !== undefined) checkQualifiers(qualifiers)
    return oid
  })
  if (new Set(oids).size !== oids.length)
    throw malformed('certificate-policies', 'the certificate names a policy twice')
  return oids
}

function checkQualifiers(list: Der): void {
  for (const item of items(list, 'the policy qualifiers')) {
    const cursor = new DerCursor(item, TAG.sequence, 'a policy qualifier')
    toOid(cursor.any())
    if (cursor.any() === undefined)
      throw malformed('certificate-policies', 'a policy qualifier has no value')
    cursor.end()
  }
}

/** @throws PlatformError INVALID_SEAL */
export function parseMappings(value: Der): PolicyExtensions['mappings'] {
  return items(value, 'the policy mappings').map((item) => {
    const cursor = new DerCursor(item, TAG.sequence, 'a policy mapping')
    const mapping = { issuer: toOid(cursor.any()), subject: toOid(cursor.any()) }
    cursor.end()
    return mapping
  })
}

/** @throws PlatformError INVALID_SEAL */
export function parsePolicyConstraints(
  value: Der,
): Pick<PolicyExtensions, 'requireExplicit' | 'inhibitMapping'> {
  const cursor = new DerCursor(value, TAG.sequence, 'the policy constraints')
  const explicit = cursor.optional(0x80)
  const mapping = cursor.optional(0x81)
  cursor.end()
  if (explicit === undefined && mapping === undefined)
    throw malformed('policy-constraints', 'the policy constraints are empty')
  return { requireExplicit: toSkip(explicit), inhibitMapping: toSkip(mapping) }
}

/** @throws PlatformError INVALID_SEAL */
export function parseInhibitAny(value: Der): number {
  return toSmallInteger(value, 'the inhibition of any policy')
}

/** An implicitly tagged INTEGER: how many certificates it skips. */
function toSkip(value: Der | undefined): number | undefined {
  if (value === undefined) return undefined
  const [first = 0, second = 0] = value.content
  if (value.content.byteLength > 1 && first === 0 && second < 0x80)
    throw malformed('policy-constraints', 'the policy constraints are not in their one encoding')
  return toSmallInteger({ ...value, tag: TAG.integer }, 'a policy constraint')
}

function items(value: Der, what: string): readonly Der[] {
  if (value.tag !== TAG.sequence || value.children.length === 0)
    throw malformed('certificate-policies', `${what} are no list`)
  if (value.children.length > LIST_LIMIT)
    throw malformed('certificate-policies', `${what} are more than ${LIST_LIMIT}`)
  return value.children
}
