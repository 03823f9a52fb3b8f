import type { Clock } from '../../../services/model/index.ts'
import type { HashName, SignatureScheme } from '../../../services/seal/index.ts'
import type { GcpAccess } from '../key-environment.ts'
import { pssScheme, usualScheme } from '../scheme.ts'
import type { Signer } from '../signer.ts'
import { crc32c } from './crc32c.ts'
import { askHolder, bytesOf, failed, textOf, type Members } from './exchange.ts'
import { gcpToken } from './gcp-token.ts'
import { cannotSign, digestOfBytes, publicKeyOfPem } from './held-key.ts'

const HOLDER = 'Google Cloud KMS'

export interface GcpKey {
  readonly access: GcpAccess
  /** `projects/…/cryptoKeyVersions/N` */
  readonly version: string
  readonly clock: Clock
  readonly timeoutMs?: number
}

/** A key version of Google's KMS; each signs in one algorithm. @throws PlatformError SIGNER_FAILED, INVALID_SEAL */
export async function openGcpKey(key: GcpKey): Promise<Signer> {
  const token = await gcpToken(key.access, key.clock, key.timeoutMs)
  const answer = await callGcp(key, token, '/publicKey')
  const pem = textOf(answer, 'pem', HOLDER)
  checkCrc(answer, 'pemCrc32c', Buffer.from(pem, 'utf8'))
  checkName(answer, key)
  const own = schemeOf(textOf(answer, 'algorithm', HOLDER))
  const publicKey = publicKeyOfPem(pem, HOLDER)
  const usual = sameScheme(own, usualScheme(publicKey))
  return {
    publicKey,
    ...(!usual && { scheme: own }),
    sign: async (scheme, bytes) => {
      if (!sameScheme(scheme, own)) throw cannotSign(HOLDER, scheme)
      const signed = await callGcp(key, token, ':asymmetricSign', toBody(scheme, bytes))
      return checkSigned(signed, key, scheme)
    },
  }
}

function sameScheme(a: SignatureScheme, b: SignatureScheme): boolean {
  return a.kind === b.kind && (a.kind === 'ed25519' || b.kind === 'ed25519' || a.hash === b.hash)
}

/** `EC_SIGN_P256_SHA256`, `RSA_SIGN_PSS_3072_SHA256`, … */
function schemeOf(algorithm: string): SignatureScheme {
  if (algorithm === 'EC_SIGN_ED25519') return { kind: 'ed25519' }
  const [, family, digits] =
    /^(EC_SIGN_P\d{3}|RSA_SIGN_PKCS1_\d{4}|RSA_SIGN_PSS_\d{4})_SHA(256|384|512)$/.exec(algorithm) ??
    []
  if (family === undefined)
    throw failed({ holder: HOLDER }, 'holds a key of an algorithm that no seal takes', 'algorithm')
  const hash = `sha${digits ?? ''}` as HashName
  if (family.startsWith('EC')) return { kind: 'ecdsa', hash }
  return family.includes('PSS') ? pssScheme(hash) : { kind: 'rsa-pkcs1', hash }
}

function toBody(scheme: SignatureScheme, bytes: Uint8Array): string {
  if (scheme.kind === 'ed25519')
    return JSON.stringify({
      data: Buffer.from(bytes).toString('base64'),
      dataCrc32c: String(crc32c(bytes)),
    })
  const digest = digestOfBytes(scheme.hash, bytes)
  return JSON.stringify({
    digest: { [scheme.hash]: digest.toString('base64') },
    digestCrc32c: String(crc32c(digest)),
  })
}

function checkSigned(signed: Members, key: GcpKey, scheme: SignatureScheme): Buffer {
  const received =
    scheme.kind === 'ed25519' ? signed['verifiedDataCrc32c'] : signed['verifiedDigestCrc32c']
  if (received !== true)
    throw failed({ holder: HOLDER }, 'does not say that it received what was sent', 'crc32c')
  checkName(signed, key)
  const signature = bytesOf(signed, 'signature', HOLDER)
  checkCrc(signed, 'signatureCrc32c', signature)
  return signature
}

/** An int64 is text in Google's JSON. */
export function checkCrc(answer: Members, name: string, bytes: Uint8Array): void {
  if (answer[name] !== String(crc32c(bytes)))
    throw failed({ holder: HOLDER }, `answers with a \`${name}\` that does not fit`, 'crc32c')
}

function checkName(answer: Members, { version }: GcpKey): void {
  if (answer['name'] !== version)
    throw failed({ holder: HOLDER }, 'answers for another key version', 'other-key')
}

/** @throws PlatformError SIGNER_FAILED */
export async function callGcp(
  { access, version, timeoutMs }: Omit<GcpKey, 'clock'>,
  token: string,
  suffix: string,
  body?: string,
): Promise<Members> {
  return await askHolder({
    holder: HOLDER,
    method: body === undefined ? 'GET' : 'POST',
    url: new URL(`/v1/${version}${suffix}`, access.endpoint),
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body,
    timeoutMs,
  })
}
