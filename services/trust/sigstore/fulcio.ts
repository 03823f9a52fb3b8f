import type { OidcClaim, OidcIdentity } from '../../model/index.ts'
import { DerCursor, malformed, readDer, TAG, toOid, type Der } from '../../seal/index.ts'
import type { VerificationCache } from '../cache.ts'
import type { Certificate } from '../certificate.ts'

const FULCIO = '1.3.6.1.4.1.57264.1.'
const ALT_NAMES = '2.5.29.17'
const SCTS = '1.3.6.1.4.1.11129.2.4.2'
/** The extensions of v2: DER UTF8String, .1.8 is the issuer (fulcio/docs/oid-info.md). */
const CLAIMS: ReadonlyMap<string, OidcClaim> = new Map<string, OidcClaim>([
  ['9', 'buildSignerUri'],
  ['10', 'buildSignerDigest'],
  ['11', 'runnerEnvironment'],
  ['12', 'repository'],
  ['13', 'commit'],
  ['14', 'ref'],
  ['15', 'repositoryId'],
  ['16', 'owner'],
  ['17', 'ownerId'],
  ['18', 'workflow'],
  ['19', 'workflowDigest'],
  ['20', 'event'],
  ['21', 'runUri'],
  ['22', 'visibility'],
])
const TEXT_LIMIT_CHARS = 2_048

/** What Fulcio wrote into a certificate about whoever signed in. */
export interface FulcioCertificate {
  readonly issuer: string | undefined
  /** Absent where there is none or more than one: then nobody can say who it is. */
  readonly identity: OidcIdentity | undefined
  /** RFC 5280 §4.1.2.6: with an empty subject the alternative name is all there is, and must be critical. */
  readonly identityCritical: boolean
  readonly claims: ReadonlyMap<OidcClaim, string>
  /** The trigger as v1 wrote it (.1.2, raw): looked at to refuse, never to accept. */
  readonly legacyEvent: string | undefined
  readonly scts: Uint8Array | undefined
}

interface RawExtension {
  readonly critical: boolean
  readonly value: Uint8Array
}

/** @throws PlatformError INVALID_SEAL */
export function parseFulcio(certificate: Certificate, cache: VerificationCache): FulcioCertificate {
  return cache.parsed('fulcio', certificate.sha256, () => {
    const extensions = readExtensions(certificate.tbs)
    const altNames = extensions.get(ALT_NAMES)
    const issuer = extensions.get(`${FULCIO}8`)
    const event = extensions.get(`${FULCIO}2`)
    const scts = extensions.get(SCTS)
    const claims = [...CLAIMS].flatMap(([arc, claim]) => {
      const extension = extensions.get(FULCIO + arc)
      return extension === undefined ? [] : [[claim, toUtf8(readDer(extension.value))] as const]
    })
    return {
      issuer: issuer === undefined ? undefined : toUtf8(readDer(issuer.value)),
      identity: altNames === undefined ? undefined : toIdentity(readDer(altNames.value)),
      identityCritical: altNames?.critical === true,
      claims: new Map(claims),
      legacyEvent: event === undefined ? undefined : Buffer.from(event.value).toString('latin1'),
      scts: scts === undefined ? undefined : readDer(scts.value).content,
    }
  })
}

/** The certificate's parser has looked at their form, and that none stands twice. */
function readExtensions(tbs: Uint8Array): ReadonlyMap<string, RawExtension> {
  const list = readDer(tbs).children.find(({ tag }) => tag === 0xa3)?.children[0]?.children ?? []
  return new Map(
    list.map((item) => {
      const cursor = new DerCursor(item, TAG.sequence, 'an extension')
      const oid = toOid(cursor.any())
      const critical = cursor.optional(TAG.boolean) !== undefined
      return [oid, { critical, value: cursor.take(TAG.octetString, 'value').content }]
    }),
  )
}

function toUtf8(value: Der): string {
  if (value.tag !== TAG.utf8String)
    throw malformed('fulcio-extension', 'a Fulcio extension is not a UTF8String')
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(value.content)
  } catch (cause) {
    throw malformed('fulcio-extension', 'a Fulcio extension is not UTF-8', cause)
  }
  // oxlint-disable-next-line no-control-regex -- control characters make two readers see two texts
  if (text.length > TEXT_LIMIT_CHARS || /[\u0000-\u001f\u007f-\u009f]/.test(text))
    throw malformed('fulcio-extension', 'a Fulcio extension is too long or not printable')
  return text
}

function toIdentity(names: Der): OidcIdentity | undefined {
  const [name, ...more] = names.children
  if (name === undefined || more.length > 0) return undefined
  if (name.tag === 0xa0) return toUsername(name)
  const type = name.tag === 0x86 ? 'uri' : name.tag === 0x81 ? 'email' : undefined
  // printable ASCII: the certificate's parser refuses anything else
  const value = Buffer.from(name.content).toString('latin1')
  return type === undefined ? undefined : { type, value }
}

/** otherName of Fulcio's own type (.1.7): `user!domain`. */
function toUsername(name: Der): OidcIdentity | undefined {
  const [oid, inner, ...more] = name.children
  if (oid?.tag !== TAG.oid || toOid(oid) !== `${FULCIO}7` || more.length > 0) return undefined
  const [text] = inner?.tag === 0xa0 ? inner.children : []
  return text === undefined ? undefined : { type: 'username', value: toUtf8(text) }
}
