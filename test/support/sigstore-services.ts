import { createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

import {
  fulcioHandler,
  initializeCA,
  initializeCTLog,
  initializeTLog,
  rekorHandler,
} from '@sigstore/mock'

import { canonicalJson, type Json } from '../../services/model/index.ts'

/** A Fulcio, a Rekor v1 and a Rekor v2 on this machine, whose answers a test can bend. */
export interface SigstoreServices extends AsyncDisposable {
  readonly url: string
  readonly trustedRoot: Readonly<Record<string, unknown>>
  /** What was asked, oldest first. */
  readonly requests: readonly SeenRequest[]
  /** Answers this path in the place of the service, which `genuine` asks; `undefined` never answers. */
  bend(
    path: string,
    answer: (genuine: () => Promise<Reply | undefined>, seen: SeenRequest) => Bent,
  ): void
}

/** A server of a test: every path that is not named is not found. */
export type TestServices = Omit<SigstoreServices, 'trustedRoot'>

export interface SeenRequest {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

export interface Reply {
  readonly status: number
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
}

type Bent = Reply | undefined | Promise<Reply | undefined>
type Service = (seen: SeenRequest) => Promise<Reply | undefined>

const pair = () => generateKeyPairSync('ec', { namedCurve: 'P-256' })
const spkiOf = (key: KeyObject) => key.export({ format: 'der', type: 'spki' })
const day = (offset: number) => new Date(Date.now() + offset * 86_400_000).toISOString()

export async function startSigstore(
  options: { readonly subjectClaim?: string; readonly timestampChain?: readonly Uint8Array[] } = {},
): Promise<SigstoreServices> {
  const [caKey, logKey, ctKey, tilesKey] = [pair(), pair(), pair(), pair()]
  const ctLog = await initializeCTLog(ctKey)
  const ca = await initializeCA(caKey, ctLog)
  const log = await initializeTLog('https://rekor.test', logKey)
  const tiles = new TestTiles(tilesKey.privateKey, spkiOf(tilesKey.publicKey))
  const services: Record<string, Service> = {
    '/api/v2/signingCert': fromHandler(fulcioHandler(ca, { subjectClaim: options.subjectClaim })),
    '/api/v1/log/entries': canonicalDsse(fromHandler(rekorHandler(log))),
    '/api/v2/log/entries': (seen) => Promise.resolve(tiles.add(seen.body)),
  }
  const trustedRoot = {
    mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
    tlogs: [
      tlogOf('https://rekor.test', spkiOf(logKey.publicKey)),
      tlogOf('https://tiles.test', spkiOf(tilesKey.publicKey)),
    ],
    ctlogs: [tlogOf('https://ct.test', spkiOf(ctKey.publicKey))],
    certificateAuthorities: [
      {
        subject: { organization: 'sigstore.mock', commonName: 'sigstore' },
        uri: 'https://fulcio.test',
        certChain: { certificates: [{ rawBytes: toBase64(bytesOf(ca.rootCertificate)) }] },
        validFor: { start: day(-1) },
      },
    ],
    timestampAuthorities:
      options.timestampChain === undefined
        ? []
        : [
            {
              subject: { organization: 'test', commonName: 'tsa' },
              uri: 'https://tsa.test',
              certChain: {
                certificates: options.timestampChain.map((der) => ({ rawBytes: toBase64(der) })),
              },
              validFor: { start: day(-1) },
            },
          ],
  }
  return { ...(await serve(services)), trustedRoot }
}

function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
}

function tlogOf(baseUrl: string, spki: Uint8Array) {
  return {
    baseUrl,
    hashAlgorithm: 'SHA2_256',
    publicKey: {
      rawBytes: toBase64(spki),
      keyDetails: 'PKIX_ECDSA_P256_SHA_256',
      validFor: { start: day(-1) },
    },
    logId: { keyId: toBase64(createHash('sha256').update(spki).digest()) },
  }
}

function fromHandler(handler: ReturnType<typeof fulcioHandler>): Service {
  return async ({ body }) => {
    const { statusCode, response } = await handler.fn(body)
    const text = typeof response === 'string' ? response : Buffer.from(bytesOf(response)).toString()
    return { status: statusCode, body: text }
  }
}

interface DsseRequest {
  readonly kind: string
  readonly spec: {
    readonly proposedContent?: { readonly envelope: string; readonly verifiers: readonly string[] }
  }
}

/** A Rekor keeps hashes of an envelope; the mock's would keep the request, which is an entry of nothing. */
function canonicalDsse(rekor: Service): Service {
  return async (seen) => {
    const { kind, spec } = JSON.parse(seen.body) as DsseRequest
    const proposed = spec.proposedContent
    if (kind !== 'dsse' || proposed === undefined) return await rekor(seen)
    const envelope = JSON.parse(proposed.envelope) as {
      payload: string
      signatures: readonly { sig: string }[]
    }
    const hashOf = (bytes: Uint8Array) => ({
      algorithm: 'sha256',
      value: hash(bytes).toString('hex'),
    })
    const entry = {
      apiVersion: '0.0.1',
      kind: 'dsse',
      spec: {
        envelopeHash: hashOf(Buffer.from(proposed.envelope)),
        payloadHash: hashOf(Buffer.from(envelope.payload, 'base64')),
        signatures: envelope.signatures.map(({ sig }, at) => ({
          signature: sig,
          verifier: proposed.verifiers[at],
        })),
      },
    }
    return await rekor({ ...seen, body: JSON.stringify(entry) })
  }
}

/** A server whose paths are these, for other doubles too. */
export async function serve(
  services: Readonly<Record<string, Service>>,
  otherwise: Service = notFound,
): Promise<TestServices> {
  const requests: SeenRequest[] = []
  const bent = new Map<
    string,
    (genuine: () => Promise<Reply | undefined>, seen: SeenRequest) => Bent
  >()
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const path = request.url ?? ''
    const seen = {
      method: request.method ?? '',
      path,
      headers: request.headers,
      body: Buffer.concat(chunks).toString('utf8'),
    }
    requests.push(seen)
    const [plain = ''] = path.split('?')
    const genuine = async () => await (services[plain] ?? otherwise)(seen)
    const change = bent.get(plain)
    const reply = change === undefined ? await genuine() : await change(genuine, seen)
    if (reply === undefined) return
    response.writeHead(reply.status, { 'content-type': 'application/json', ...reply.headers })
    response.end(reply.body)
  }
  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      response.writeHead(500)
      response.end(JSON.stringify({ message: String(error) }))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    bend: (path, answer) => void bent.set(path, answer),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const notFound: Service = () => Promise.resolve({ status: 404, body: '{"message":"not found"}' })

interface TilesRequest {
  readonly dsseRequestV002?: {
    readonly envelope: { payload: string; signatures: readonly { sig: string }[] }
    readonly verifiers: readonly Json[]
  }
  readonly hashedRekordRequestV002?: {
    readonly digest: string
    readonly signature: { readonly content: string; readonly verifier: Json }
  }
}

/** A Rekor v2 in memory: canonical bodies, a tree that grows, checkpoints. @sigstore/mock's own proofs never verify. */
class TestTiles {
  readonly #leaves: Buffer[] = [Buffer.from('an entry of somebody else')]
  readonly #key: KeyObject
  readonly #logId: Buffer

  constructor(key: KeyObject, spki: Uint8Array) {
    this.#key = key
    this.#logId = createHash('sha256').update(spki).digest()
  }

  add(text: string): Reply {
    const body = Buffer.from(canonicalJson(toBody(JSON.parse(text) as TilesRequest)))
    const index = this.#leaves.push(body) - 1
    const hashes = this.#leaves.map((leaf) => hash(Buffer.of(0), leaf))
    const root = rootOf(hashes)
    const note = `tiles.test\n${hashes.length}\n${toBase64(root)}\n`
    const signature = Buffer.concat([
      this.#logId.subarray(0, 4),
      sign('sha256', Buffer.from(note), this.#key),
    ])
    const entry = {
      logIndex: String(index),
      logId: { keyId: toBase64(this.#logId) },
      kindVersion: {
        kind: (JSON.parse(body.toString()) as { kind: string }).kind,
        version: '0.0.2',
      },
      integratedTime: '0',
      inclusionPromise: null,
      inclusionProof: {
        logIndex: String(index),
        rootHash: toBase64(root),
        treeSize: String(hashes.length),
        hashes: pathOf(index, hashes).map(toBase64),
        checkpoint: { envelope: `${note}\n— tiles.test ${toBase64(signature)}\n` },
      },
      canonicalizedBody: toBase64(body),
    }
    return { status: 201, body: JSON.stringify(entry) }
  }
}

function toBody({ dsseRequestV002: dsse, hashedRekordRequestV002: plain }: TilesRequest): Json {
  const apiVersion = '0.0.2'
  if (plain !== undefined)
    return {
      apiVersion,
      kind: 'hashedrekord',
      spec: {
        hashedRekordV002: {
          data: { algorithm: 'SHA2_256', digest: plain.digest },
          signature: { ...plain.signature },
        },
      },
    }
  const { envelope, verifiers } = dsse ?? { envelope: undefined, verifiers: [] }
  const payload = Buffer.from(envelope?.payload ?? '', 'base64')
  return {
    apiVersion,
    kind: 'dsse',
    spec: {
      dsseV002: {
        payloadHash: {
          algorithm: 'SHA2_256',
          digest: toBase64(createHash('sha256').update(payload).digest()),
        },
        signatures: (envelope?.signatures ?? []).map(({ sig }, at) => ({
          content: sig,
          verifier: verifiers[at] ?? null,
        })),
      },
    },
  }
}

/** RFC 6962 §2.1, as it is written there. */
function rootOf(leaves: readonly Buffer[]): Buffer {
  const [first] = leaves
  if (first !== undefined && leaves.length === 1) return first
  const half = splitOf(leaves.length)
  return hash(Buffer.of(1), rootOf(leaves.slice(0, half)), rootOf(leaves.slice(half)))
}

function pathOf(index: number, leaves: readonly Buffer[]): Buffer[] {
  if (leaves.length === 1) return []
  const half = splitOf(leaves.length)
  return index < half
    ? [...pathOf(index, leaves.slice(0, half)), rootOf(leaves.slice(half))]
    : [...pathOf(index - half, leaves.slice(half)), rootOf(leaves.slice(0, half))]
}

function splitOf(size: number): number {
  let half = 1
  while (half * 2 < size) half *= 2
  return half
}

function hash(...parts: readonly Uint8Array[]): Buffer {
  return createHash('sha256').update(Buffer.concat(parts)).digest()
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}

/** A token as an issuer makes it, with a signature that nobody here checks. */
export function jwt(claims: Readonly<Record<string, unknown>>): string {
  const now = Math.floor(Date.now() / 1_000)
  const all = { iss: 'https://issuer.test', aud: 'sigstore', iat: now, exp: now + 600, ...claims }
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ alg: 'RS256', typ: 'JWT' })}.${part(all)}.${Buffer.from('no signature').toString('base64url')}`
}
