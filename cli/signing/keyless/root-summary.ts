import { parseStrictJson, PlatformError, sha256, type Json } from '../../../services/model/index.ts'
import { isObject } from './exchange.ts'

type Members = Readonly<Record<string, Json>>

/** One that a trusted root trusts. */
export interface RootMember {
  readonly kind: 'certificate authority' | 'log' | 'certificate log' | 'timestamp authority'
  readonly name: string
  /** Of a log its id, of an authority the SHA-256 of its topmost certificate; hex. */
  readonly id: string
  readonly from: string | null
  readonly until: string | null
}

const LISTS = [
  ['certificateAuthorities', 'certificate authority'],
  ['tlogs', 'log'],
  ['ctlogs', 'certificate log'],
  ['timestampAuthorities', 'timestamp authority'],
] as const

/** Who stands in a Sigstore TrustedRoot, for people to look at. @throws PlatformError INVALID_PARAMETER */
export function summarizeRoot(bytes: Uint8Array): readonly RootMember[] {
  let root: Json | undefined
  try {
    root = parseStrictJson(bytes)
  } catch (cause) {
    throw new PlatformError('INVALID_PARAMETER', 'the trusted root is not strict JSON', { cause })
  }
  const type = isObject(root) ? root['mediaType'] : undefined
  if (!isObject(root) || typeof type !== 'string' || !type.includes('sigstore.trustedroot'))
    throw new PlatformError('INVALID_PARAMETER', 'this is no Sigstore TrustedRoot')
  const members = root
  return LISTS.flatMap(([list, kind]) =>
    listOf(members[list]).map((item) =>
      list === 'tlogs' || list === 'ctlogs' ? logOf(item, kind) : authorityOf(item, kind),
    ),
  )
}

function logOf(log: Members, kind: RootMember['kind']): RootMember {
  const { keyId } = toObject(log['logId'])
  return {
    kind,
    name: toText(log['baseUrl']),
    id: Buffer.from(toText(keyId), 'base64').toString('hex'),
    ...windowOf(toObject(log['publicKey'])['validFor']),
  }
}

function authorityOf(authority: Members, kind: RootMember['kind']): RootMember {
  const { organization, commonName } = toObject(authority['subject'])
  const names = [organization, commonName].filter((name) => typeof name === 'string')
  const top = listOf(toObject(authority['certChain'])['certificates']).at(-1)
  const der = Buffer.from(toText(top?.['rawBytes']), 'base64')
  return {
    kind,
    name: [...names, toText(authority['uri'])].filter((name) => name !== '').join(', '),
    id: sha256(der),
    ...windowOf(authority['validFor']),
  }
}

function windowOf(value: Json | undefined): Pick<RootMember, 'from' | 'until'> {
  const { start, end } = toObject(value)
  return {
    from: typeof start === 'string' ? start : null,
    until: typeof end === 'string' ? end : null,
  }
}

function listOf(value: Json | undefined): readonly Members[] {
  return Array.isArray(value) ? value.filter((item) => isObject(item as Json)) : []
}

function toObject(value: Json | undefined): Members {
  return isObject(value) ? value : {}
}

function toText(value: Json | undefined): string {
  return typeof value === 'string' ? value : ''
}
