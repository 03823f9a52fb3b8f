import { PlatformError, sigv4 } from '../model/index.ts'

/** The `Authorization` header, taken apart; nothing in it is believed yet. */
export interface AuthorizationHeader {
  readonly accessKeyId: string
  readonly scope: sigv4.SigV4Scope
  readonly signedHeaders: readonly string[]
  /** 64 lower-case hex digits. */
  readonly signature: string
}

/** Both separators are written by real signers: `, ` by the SDKs, `,` by some others. Order and names are fixed. */
const HEADER =
  /^AWS4-HMAC-SHA256 Credential=([A-Za-z0-9]{4,128})\/(\d{8})\/([a-z0-9-]{1,64})\/([a-z0-9-]{1,64})\/aws4_request, ?SignedHeaders=([a-z0-9;_.!#$%&'*+^`|~-]{1,4096}), ?Signature=([0-9a-f]{64})$/

/** @throws PlatformError INVALID_SIGNATURE */
export function parseAuthorization(text: string): AuthorizationHeader {
  const match = HEADER.exec(text)
  const [, accessKeyId, date, region, service, names, signature] = match ?? []
  if (
    accessKeyId === undefined ||
    date === undefined ||
    region === undefined ||
    service === undefined ||
    names === undefined ||
    signature === undefined
  ) {
    throw new PlatformError(
      'INVALID_SIGNATURE',
      `Authorization header requires \`${sigv4.SIGV4_ALGORITHM} Credential=…, SignedHeaders=…, Signature=…\`.`,
    )
  }
  const signedHeaders = names.split(';')
  for (let at = 0; at < signedHeaders.length; at += 1) {
    const before = signedHeaders[at - 1]
    const name = signedHeaders[at]
    // Sorted and without repetition, as SigV4 demands: one set of headers has one text.
    if (name === '' || name === undefined || (before !== undefined && before >= name)) {
      throw new PlatformError('INVALID_SIGNATURE', 'SignedHeaders must be sorted and distinct.')
    }
  }
  return { accessKeyId, scope: { date, region, service }, signedHeaders, signature }
}
