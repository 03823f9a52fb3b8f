import type { Certificate } from './certificate.ts'
import { refusePath, type PathRefusal } from './path-refusal.ts'

/** What a certificate at the end of a path is to be used for, and what it must be for that. */
export interface Purpose {
  readonly name: string
  /** The extended key usage that the path must allow; `undefined` where any will do. */
  readonly usage: string | undefined
  readonly refuseLeaf: (leaf: Certificate, pinned: boolean) => PathRefusal | undefined
}

export const ANY_USAGE = '2.5.29.37.0'
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'
const CODE_SIGNING = '1.3.6.1.5.5.7.3.3'
const TIME_STAMPING = '1.3.6.1.5.5.7.3.8'
const NOT_SIGNING_BITS = 0x3f

function refuseCa({ extensions, subjectText }: Certificate): PathRefusal | undefined {
  if (!extensions.ca) return undefined
  return refusePath(
    'ca-as-signer',
    `\`${subjectText}\` is a certificate authority, which signs certificates and no code`,
    'make a certificate of its own for signing: `openssl req -x509 … -addext basicConstraints=CA:FALSE`',
  )
}

function refuseUsage(leaf: Certificate, lacks: string, fix?: string): PathRefusal {
  return refusePath(
    'extended-key-usage',
    `the extended key usage of \`${leaf.name}\` ${lacks}`,
    fix,
  )
}

function refuseKeyUsage(leaf: Certificate, lacks: string): PathRefusal {
  return refusePath('key-usage', `the key usage of \`${leaf.name}\` ${lacks}`)
}

/**
 * As the CA/Browser Forum has it for code signing, but that a key usage may be absent (RFC 5280: unrestricted). A pinned
 * certificate was chosen by hand and may lack the extended usage too, as `openssl req -x509 -addext
 * basicConstraints=CA:FALSE` makes it; one that names other usages is refused all the same.
 */
function refuseCodeSigner(leaf: Certificate, pinned: boolean): PathRefusal | undefined {
  const { keyUsage, extendedKeyUsage: usages } = leaf.extensions
  if (keyUsage?.digitalSignature === false) return refuseKeyUsage(leaf, 'lacks digitalSignature')
  if (keyUsage !== undefined && !pinned) {
    if (keyUsage.certSign || keyUsage.crlSign)
      return refuseKeyUsage(leaf, 'is for certificates or revocation lists, too')
    if (!keyUsage.critical) return refuseKeyUsage(leaf, 'is not critical')
  }
  if (usages === undefined ? !pinned : !usages.includes(CODE_SIGNING))
    return refuseUsage(
      leaf,
      'lacks codeSigning',
      'have the certificate issued with extendedKeyUsage=codeSigning',
    )
  if (usages?.includes(ANY_USAGE) === true || usages?.includes(SERVER_AUTH) === true)
    return refuseUsage(leaf, 'has serverAuth or any usage beside codeSigning')
  return undefined
}

/** RFC 3161 §2.3: this usage alone, and critical. */
function refuseTimestamper(leaf: Certificate): PathRefusal | undefined {
  const { keyUsage, extendedKeyUsage: usages, extendedKeyUsageCritical: critical } = leaf.extensions
  if (keyUsage !== undefined && (keyUsage.bits === 0 || (keyUsage.bits & NOT_SIGNING_BITS) !== 0))
    return refuseKeyUsage(leaf, 'is for other things than signatures')
  if (usages?.length !== 1 || usages[0] !== TIME_STAMPING)
    return refuseUsage(leaf, 'is not timeStamping alone')
  return critical ? undefined : refuseUsage(leaf, 'is not critical')
}

/** Where the leaf names usages, this one is among them (RFC 5280 §4.2.1.12). */
function plain(name: string, usage: string, keyUsageBits: number): Purpose {
  return {
    name,
    usage,
    refuseLeaf: (leaf) => {
      const { keyUsage, extendedKeyUsage: usages } = leaf.extensions
      if (keyUsage !== undefined && (keyUsage.bits & keyUsageBits) === 0)
        return refuseKeyUsage(leaf, `is not for ${name}`)
      if (usages !== undefined && !usages.includes(usage) && !usages.includes(ANY_USAGE))
        return refuseUsage(leaf, `lacks ${name}`)
      return refuseCa(leaf)
    },
  }
}

export const PURPOSES = {
  codeSigning: {
    name: 'codeSigning',
    usage: CODE_SIGNING,
    refuseLeaf: (leaf, pinned) => refuseCa(leaf) ?? refuseCodeSigner(leaf, pinned),
  },
  timeStamping: {
    name: 'timeStamping',
    usage: TIME_STAMPING,
    refuseLeaf: (leaf) => refuseCa(leaf) ?? refuseTimestamper(leaf),
  },
  serverAuth: plain('serverAuth', SERVER_AUTH, 0xa8),
  clientAuth: plain('clientAuth', '1.3.6.1.5.5.7.3.2', 0x88),
  emailProtection: plain('emailProtection', '1.3.6.1.5.5.7.3.4', 0xe8),
  /** Whatever the certificate is for; an authority, too. */
  any: { name: 'any', usage: undefined, refuseLeaf: () => undefined },
} satisfies Record<string, Purpose>
