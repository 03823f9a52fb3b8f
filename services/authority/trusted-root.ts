import { toIsoTime, type Json } from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import { ctLogId } from './fulcio/sct.ts'
import { listKeys, type AuthorityKey } from './identity.ts'
import { logIdOf } from './log/log.ts'
import { readHead } from './log/rows.ts'
import { readPlace } from './place.ts'

/** A certificate issued at the last moment lives on for so long. */
const CERTIFICATE_TAIL_MS = 10 * 60_000

/**
 * The Sigstore TrustedRoot (v0.1) by which others verify what came from here: public halves of every generation.
 * @throws PlatformError CONFIGURATION where the authority was never started
 */
export async function trustedRoot(reader: Reader): Promise<Json> {
  const { url } = await readPlace(reader)
  const { origin } = await readHead(reader)
  const keys = await listKeys(reader)
  const of = (role: AuthorityKey['role']): AuthorityKey[] => keys.filter((key) => key.role === role)
  const [root] = of('root')
  return {
    mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
    tlogs: of('log').map((key) => {
      const logId = { keyId: encode(logIdOf(origin, key.publicKey)) }
      const log = {
        baseUrl: url,
        hashAlgorithm: 'SHA2_256',
        publicKey: publicKey(key, 'PKIX_ED25519'),
      }
      return { ...log, logId, checkpointKeyId: logId }
    }),
    certificateAuthorities: of('ca').map((key) =>
      authority(key, root, { uri: url, tailMs: CERTIFICATE_TAIL_MS }),
    ),
    ctlogs: of('ct').map((key) => ({
      baseUrl: url,
      hashAlgorithm: 'SHA2_256',
      publicKey: publicKey(key, 'PKIX_ECDSA_P256_SHA_256'),
      logId: { keyId: encode(ctLogId(key.publicKey)) },
    })),
    timestampAuthorities: of('tsa').map((key) =>
      authority(key, root, { uri: `${url}/api/v1/timestamp`, tailMs: 0 }),
    ),
  }
}

/** The Sigstore SigningConfig (v0.2) by which clients find the services. @throws PlatformError CONFIGURATION */
export async function signingConfig(reader: Reader): Promise<Json> {
  const { url, loginIssuers } = await readPlace(reader)
  const [log] = (await listKeys(reader)).filter(({ role }) => role === 'log')
  const validFor = { start: toIsoTime(log?.validFromMs ?? 0) }
  const service = (address: string, majorApiVersion: number): Json => ({
    url: address,
    majorApiVersion,
    validFor,
    operator: new URL(url).hostname,
  })
  return {
    mediaType: 'application/vnd.dev.sigstore.signingconfig.v0.2+json',
    caUrls: [service(url, 1)],
    oidcUrls: loginIssuers.map((issuer) => service(issuer, 1)),
    rekorTlogUrls: [service(url, 2)],
    rekorTlogConfig: { selector: 'ANY' },
    tsaUrls: [service(`${url}/api/v1/timestamp`, 1)],
    tsaConfig: { selector: 'ANY' },
  }
}

function publicKey(key: AuthorityKey, keyDetails: string): Json {
  return { rawBytes: encode(key.publicKey), keyDetails, validFor: validFor(key, 0) }
}

function authority(
  key: AuthorityKey,
  root: AuthorityKey | undefined,
  { uri, tailMs }: { readonly uri: string; readonly tailMs: number },
): Json {
  const chain = [key.certificate, root?.certificate].filter((one) => one !== undefined)
  return {
    subject: { organization: 'lacre authority', commonName: `${key.role} ${key.generation}` },
    uri,
    certChain: { certificates: chain.map((one) => ({ rawBytes: encode(one) })) },
    validFor: validFor(key, tailMs),
  }
}

function validFor(key: AuthorityKey, tailMs: number): Json {
  // As its certificate says it, to the second: @sigstore/core drops the fraction of a timestamp's time.
  const start = toIsoTime(Math.floor(key.validFromMs / 1_000) * 1_000)
  return key.validToMs === undefined ? { start } : { start, end: toIsoTime(key.validToMs + tailMs) }
}

function encode(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}
