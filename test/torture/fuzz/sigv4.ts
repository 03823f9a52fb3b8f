import { createHash } from 'node:crypto'

import {
  beginVerification,
  credentialOf,
  readKeySet,
  verifyToken,
  type SignedRequest,
} from '../../../services/auth/index.ts'
import { PlatformError, type Principal } from '../../../services/model/index.ts'
import { signWithSmithy } from '../../support/signers.ts'
import { mutateBytes } from '../mutation/bytes.ts'
import { signedRequests } from '../vectors.ts'
import { outcome, type Target } from './target.ts'

const KEYS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' } // prettier-ignore
/** When the vectors were signed. */
const NOW_MS = Date.UTC(2015, 7, 30, 12, 36)
const principal: Principal = { id: 'usr', kind: 'user', name: 'u', roles: ['admin'], claims: {} }
const ISSUER = 'https://issuer.example'
const keySet = readKeySet(Buffer.from('{"keys":[]}')).keys
/** Where a request head takes apart, and what others think that ends a line or a value. */
const WORDS = [
  '\n', '\r\n', '\0', ':', ';', ',', ' ', '\t', '%', '%2', '%2F', '%00', '%c3%28', '+', '&', '=', '?', '#', '..', '/',
  '//', 'Authorization:', 'X-Amz-Date:', 'x-amz-content-sha256:', 'UNSIGNED-PAYLOAD', 'X-Amz-Signature=', 'Bearer ',
].map((word) => Buffer.from(word, 'latin1')) // prettier-ignore

/** The head of a signed request, as the wire hands it over. */
export const sigv4: Target = {
  async seeds(vectors) {
    const own: Buffer[] = []
    const query = { Qualifier: ['live', '1'], Marker: 'a b' }
    for (const ask of [
      { path: '/2015-03-31/functions', body: '{}' },
      { path: '/2015-03-31/functions/f%C3%BC/code', query },
    ]) {
      const signed = await signWithSmithy(KEYS, { ...ask, atMs: NOW_MS })
      own.push(textOf({ ...signed, headers: Object.entries(signed.headers) }))
    }
    const token = `${base64url('{"alg":"ES256"}')}.${base64url(`{"iss":"${ISSUER}"}`)}.AAAA`
    own.push(Buffer.from(`GET / HTTP/1.1\nhost:x\nauthorization:Bearer ${token}\n`))
    return [
      ...own,
      ...(vectors === undefined ? [] : signedRequests(vectors)).map((row) => row.bytes),
    ]
  },
  mutate(input, chance, others) {
    if (chance.integer(0, 1) === 0) return mutateBytes(input, chance, others)
    const at = chance.integer(0, input.length)
    const until = at + chance.pick([0, 0, 1, 4])
    return Buffer.concat([input.subarray(0, at), chance.pick(WORDS), input.subarray(until)])
  },
  run(input) {
    const { request, body } = toRequest(input)
    const bearer = request.headers.find(([, value]) => /^Bearer /i.test(value))
    if (bearer !== undefined) return outcome(() => verifyBearer(bearer[1].slice(7)))
    return outcome(async () => {
      const begun = await beginVerification(request, RULES, (asked) =>
        asked === KEYS.accessKeyId
          ? Promise.resolve(credentialOf(asked, principal, KEYS.secretAccessKey))
          : Promise.reject(new PlatformError('UNKNOWN_ACCESS_KEY', 'unknown')),
      )
      begun.finish(createHash('sha256').update(body).digest('hex'))
    })
  },
}

const RULES = {
  place: { account: '000000000000', region: 'us-east-1' },
  services: ['lambda', 'service'],
  nowMs: NOW_MS,
}

async function verifyBearer(token: string): Promise<string> {
  const settings = { audience: 'lacre', issuers: [{ url: ISSUER, jwksUri: undefined }] }
  await verifyToken(token, { settings, keys: { of: async () => keySet }, nowMs: NOW_MS })
  return 'taken'
}

const base64url = (text: string): string => Buffer.from(text).toString('base64url')

function textOf({ method, url, headers, body }: TextRequest): Buffer {
  const lines = headers.map(([name, value]) => `${name}:${value}`)
  return Buffer.from([`${method} ${url} HTTP/1.1`, ...lines, '', String(body)].join('\n'))
}

interface TextRequest {
  readonly method: string
  readonly url: string
  readonly headers: readonly (readonly [string, string])[]
  readonly body: string | Uint8Array
}

/** Lines as the vectors write them; what has no form is left as it is. */
function toRequest(input: Buffer): { readonly request: SignedRequest; readonly body: Buffer } {
  const end = input.indexOf('\n\n')
  const head = (end === -1 ? input : input.subarray(0, end)).toString('latin1')
  const [first = '', ...lines] = head.split('\n')
  const [, method = 'GET', target = '/'] = /^(\S+) (.*) HTTP\/1\.1$/s.exec(first) ?? []
  const at = target.indexOf('?')
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(':')
    return colon === -1 ? [line, ''] : [line.slice(0, colon), line.slice(colon + 1)]
  })
  return {
    body: end === -1 ? Buffer.alloc(0) : input.subarray(end + 2),
    request: {
      method,
      path: at === -1 ? target : target.slice(0, at),
      query: at === -1 ? '' : target.slice(at + 1),
      headers,
    },
  }
}
