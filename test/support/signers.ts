import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto'

import { SignatureV4 } from '@smithy/signature-v4'

/** SHA-256 in the shape that smithy's signer takes. */
export class Sha256 {
  #hash: Hash | Hmac
  readonly #secret: string | Uint8Array | undefined
  constructor(secret?: string | Uint8Array | ArrayBuffer | ArrayBufferView) {
    this.#secret =
      typeof secret === 'string' || secret === undefined
        ? secret
        : new Uint8Array(secret as Uint8Array)
    this.#hash = this.#start()
  }
  update(chunk: string | Uint8Array | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(typeof chunk === 'string' ? chunk : new Uint8Array(chunk as Uint8Array))
  }
  async digest(): Promise<Uint8Array> {
    return this.#hash.digest()
  }
  reset(): void {
    this.#hash = this.#start()
  }
  #start(): Hash | Hmac {
    return this.#secret === undefined ? createHash('sha256') : createHmac('sha256', this.#secret)
  }
}

export interface Keys {
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

export interface Ask {
  readonly method?: string
  /** Percent-encoded as on the wire. */
  readonly path?: string
  readonly query?: Record<string, string | string[]>
  readonly headers?: Record<string, string>
  readonly body?: string | Uint8Array
  readonly service?: string
  readonly region?: string
  readonly atMs?: number
}

export interface Signed {
  readonly method: string
  readonly path: string
  readonly query: string
  /** Path and query. */
  readonly url: string
  readonly headers: Record<string, string>
  readonly body: string | Uint8Array
}

const encode = (text: string): string =>
  encodeURIComponent(text).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  )

/** An empty value leaves the header out. */
function toHeaders(ask: Ask): Record<string, string> {
  const all = { host: 'localhost:8080', 'content-type': 'application/json', ...ask.headers }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ''))
}

/** A request as the AWS SDK signs it: a signer that is not ours. */
export async function signWithSmithy(keys: Keys, ask: Ask): Promise<Signed> {
  const signer = new SignatureV4({
    credentials: keys,
    region: ask.region ?? 'us-east-1',
    service: ask.service ?? 'lambda',
    sha256: Sha256,
  })
  const path = ask.path ?? '/2015-03-31/functions'
  const body = ask.body ?? ''
  const signed = await signer.sign(
    {
      method: ask.method ?? 'POST',
      protocol: 'http:',
      hostname: 'localhost',
      path,
      query: ask.query ?? {},
      headers: toHeaders(ask),
      body,
    },
    { signingDate: new Date(ask.atMs ?? Date.now()) },
  )
  const query = Object.entries(ask.query ?? {})
    .flatMap(([name, value]) => [value].flat().map((one) => `${encode(name)}=${encode(one)}`))
    .join('&')
  const url = query === '' ? path : `${path}?${query}`
  return { method: signed.method, path, query, url, headers: signed.headers, body }
}
