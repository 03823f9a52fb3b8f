import { sha256, sigv4, type Clock } from '../../../services/model/index.ts'
import type { SignatureScheme } from '../../../services/seal/index.ts'
import { parsePublicKey, VerificationCache } from '../../../services/trust/index.ts'
import type { AwsAccess } from '../key-environment.ts'
import { pssScheme, usualScheme } from '../scheme.ts'
import type { Signer } from '../signer.ts'
import { askHolder, bytesOf, failed, textOf, type Members } from './exchange.ts'
import { cannotSign, digestOfBytes } from './held-key.ts'

const HOLDER = 'AWS KMS'
/** AWS: `Message` of Sign; only Ed25519 needs the message itself. */
const MESSAGE_LIMIT_BYTES = 4_096

export interface AwsKey {
  readonly access: AwsAccess
  readonly keyId: string
  readonly clock: Clock
  readonly timeoutMs?: number
}

/**
 * A key of AWS KMS. An alias is looked up once: the very key whose public half was read signs.
 * @throws PlatformError SIGNER_FAILED, INVALID_SEAL
 */
export async function openAwsKey(key: AwsKey): Promise<Signer> {
  const answer = await callAws(key, 'GetPublicKey', { KeyId: key.keyId })
  if (answer['KeyUsage'] !== 'SIGN_VERIFY')
    throw failed({ holder: HOLDER }, 'says that the key is not for signing', 'not-for-signing')
  const keyId = textOf(answer, 'KeyId', HOLDER)
  const publicKey = parsePublicKey(bytesOf(answer, 'PublicKey', HOLDER), new VerificationCache())
  const offered = answer['SigningAlgorithms']
  const algorithms = new Set<unknown>(Array.isArray(offered) ? offered : [])
  const usual = usualScheme(publicKey)
  const pss = pssScheme('sha256')
  const onlyPss = !algorithms.has(algorithmOf(usual)) && algorithms.has(algorithmOf(pss))
  return {
    publicKey,
    ...(onlyPss && { scheme: pss }),
    sign: async (scheme, bytes) => {
      const algorithm = algorithmOf(scheme)
      if (!algorithms.has(algorithm)) throw cannotSign(HOLDER, scheme)
      const signed = await callAws(key, 'Sign', {
        KeyId: keyId,
        SigningAlgorithm: algorithm,
        ...messageOf(scheme, bytes),
      })
      return bytesOf(signed, 'Signature', HOLDER)
    },
  }
}

function algorithmOf(scheme: SignatureScheme): string {
  if (scheme.kind === 'ed25519') return 'ED25519_SHA_512'
  const family = { ecdsa: 'ECDSA', 'rsa-pkcs1': 'RSASSA_PKCS1_V1_5', 'rsa-pss': 'RSASSA_PSS' }
  return `${family[scheme.kind]}_${scheme.hash.replace('sha', 'SHA_')}`
}

function messageOf(scheme: SignatureScheme, bytes: Uint8Array): Record<string, string> {
  if (scheme.kind !== 'ed25519') {
    const digest = digestOfBytes(scheme.hash, bytes)
    return { Message: digest.toString('base64'), MessageType: 'DIGEST' }
  }
  if (bytes.byteLength > MESSAGE_LIMIT_BYTES)
    throw failed(
      { holder: HOLDER },
      `signs at most ${MESSAGE_LIMIT_BYTES} bytes with Ed25519, and these are ${bytes.byteLength}`,
      'message-size',
    )
  return { Message: Buffer.from(bytes).toString('base64'), MessageType: 'RAW' }
}

/** One action of the KMS's API, signed. @throws PlatformError SIGNER_FAILED */
export async function callAws(
  { access, clock, timeoutMs }: AwsKey,
  action: string,
  members: Readonly<Record<string, string | Readonly<Record<string, string>>>>,
): Promise<Members> {
  const body = JSON.stringify(members)
  const amzDate = sigv4.toAmzDate(clock.nowMs())
  const scope = { date: amzDate.slice(0, 8), region: access.region, service: 'kms' }
  const headers: Record<string, string> = {
    'content-type': 'application/x-amz-json-1.1',
    host: access.endpoint.host,
    'x-amz-date': amzDate,
    'x-amz-target': `TrentService.${action}`,
    ...(access.sessionToken !== undefined && { 'x-amz-security-token': access.sessionToken }),
  }
  const signedHeaders = Object.keys(headers).sort()
  const canonical = sigv4.canonicalRequest({
    method: 'POST',
    path: '/',
    query: '',
    headers: Object.entries(headers),
    signedHeaders,
    bodySha256: sha256(body),
  })
  const text = sigv4.stringToSign(amzDate, scope, canonical)
  const signature = sigv4.signature(sigv4.signingKey(access.secretAccessKey, scope), text)
  const credential = `${access.accessKeyId}/${sigv4.scopeText(scope)}`
  headers['authorization'] =
    `${sigv4.SIGV4_ALGORITHM} Credential=${credential}, SignedHeaders=${signedHeaders.join(';')}, Signature=${signature.toString('hex')}`
  const url = new URL('/', access.endpoint)
  return await askHolder({ holder: HOLDER, method: 'POST', url, headers, body, timeoutMs })
}
