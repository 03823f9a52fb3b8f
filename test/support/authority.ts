import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { OAuth2Server } from 'oauth2-mock-server'

import { readAuthorityConfig, type AuthorityServeOptions } from '../../services/config.ts'
import { systemClock, systemRandom, type Clock } from '../../services/model/index.ts'
import { readTrustedRoot, startAuthority } from '../../services/serve-authority.ts'

export type Claims = Readonly<Record<string, unknown>>

/** An identity provider on this machine, with an RSA key. */
export class TestIssuer implements AsyncDisposable {
  readonly server = new OAuth2Server()

  static async start(): Promise<TestIssuer> {
    const issuer = new TestIssuer()
    await issuer.server.issuer.keys.generate('RS256')
    await issuer.server.start(0, '127.0.0.1')
    // As it names itself in its documents and tokens.
    issuer.server.issuer.url = `http://127.0.0.1:${issuer.server.address().port}`
    return issuer
  }

  get url(): string {
    return this.server.issuer.url ?? ''
  }

  /** A token for `sigstore` of ten minutes, unless the claims say otherwise; `undefined` takes a claim out. */
  async token(claims: Claims = {}, kid?: string, header: Claims = {}): Promise<string> {
    const now = Math.floor(Date.now() / 1_000)
    const all: Claims = {
      aud: 'sigstore',
      sub: 'user-7',
      email: 'ada@example.org',
      email_verified: true,
      iat: now,
      nbf: now,
      exp: now + 600,
      ...claims,
    }
    return await this.server.issuer.buildToken({
      ...(kid === undefined ? {} : { kid }),
      scopesOrTransform: (own, payload) => {
        Object.assign(own, header)
        Object.assign(payload, all)
        for (const [name, value] of Object.entries(all))
          if (value === undefined) delete payload[name]
      },
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.stop()
  }
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly bytes: Buffer
  readonly json: Record<string, unknown>
}

/** The authority in this process, over a directory that goes at the end unless it was given. */
export class TestAuthority implements AsyncDisposable {
  readonly url: string
  readonly data: string
  /** Every line it logged. */
  readonly lines: readonly string[]
  readonly #close: () => Promise<void>

  private constructor(parts: {
    url: string
    data: string
    lines: readonly string[]
    close: () => Promise<void>
  }) {
    this.url = parts.url
    this.data = parts.data
    this.lines = parts.lines
    this.#close = parts.close
  }

  static async start(
    issuer: TestIssuer,
    options: Partial<AuthorityServeOptions> & { readonly clock?: Clock } = {},
  ): Promise<TestAuthority> {
    const { clock = systemClock, ...more } = options
    const data = more.data ?? mkdtempSync(join(tmpdir(), 'lacre-authority-'))
    const lines: string[] = []
    const note = (fields: object, message: string) =>
      void lines.push(`${message} ${JSON.stringify(fields)}`)
    const log = { debug: note, info: note, warn: note, error: note }
    const config = readAuthorityConfig(
      {
        listen: '127.0.0.1:0',
        oidcIssuer: [issuer.url],
        allowInsecureHttp: [issuer.url],
        ...more,
        data,
      },
      {},
    )
    const running = await startAuthority(config, { clock, random: systemRandom, log })
    const close = async (): Promise<void> => {
      await running[Symbol.asyncDispose]()
      if (more.data === undefined) rmSync(data, { recursive: true, force: true })
    }
    return new TestAuthority({ url: running.url, data, lines, close })
  }

  async trustedRoot(): Promise<unknown> {
    return await readTrustedRoot(this.data, 'trusted-root')
  }

  async get(path: string): Promise<Answer> {
    return await call(`${this.url}${path}`)
  }

  async post(path: string, body: unknown, type = 'application/json'): Promise<Answer> {
    const raw = body instanceof Uint8Array || typeof body === 'string'
    return await call(`${this.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': type },
      body: raw ? body : JSON.stringify(body),
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close()
  }
}

export async function call(url: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(url, init)
  const bytes = Buffer.from(await response.arrayBuffer())
  const isJson = (response.headers.get('content-type') ?? '').includes('json')
  const json = isJson ? (JSON.parse(bytes.toString()) as Record<string, unknown>) : {}
  return { status: response.status, headers: response.headers, bytes, json }
}

export interface KeyPair {
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
  readonly pem: string
}

export function ecKeyPair(namedCurve = 'P-256'): KeyPair {
  return withPem(generateKeyPairSync('ec', { namedCurve }))
}

export function withPem(pair: { publicKey: KeyObject; privateKey: KeyObject }): KeyPair {
  return { ...pair, pem: pair.publicKey.export({ format: 'pem', type: 'spki' }).toString() }
}

/** A CreateSigningCertificateRequest with a proof over the challenge. */
export function certificateRequest(
  token: string,
  pair: KeyPair,
  challenge = 'ada@example.org',
): Record<string, unknown> {
  const hash = pair.publicKey.asymmetricKeyType === 'ed25519' ? null : 'sha256'
  return {
    credentials: { oidcIdentityToken: token },
    publicKeyRequest: {
      publicKey: { algorithm: 'ECDSA', content: pair.pem },
      proofOfPossession: sign(hash, Buffer.from(challenge), pair.privateKey).toString('base64'),
    },
  }
}

/** The chain out of a SigningCertificate, PEM. */
export function chainOf(answer: Answer): string[] {
  const { signedCertificateEmbeddedSct: signed } = answer.json as {
    signedCertificateEmbeddedSct?: { chain: { certificates: string[] } }
  }
  if (signed === undefined) throw new Error(`no certificate: ${answer.bytes.toString()}`)
  return signed.chain.certificates
}

/** A hashedrekord request that verifies, over this text. */
export function hashedRekord(pair: KeyPair, digest: Uint8Array, signature: Uint8Array): object {
  const der = pair.publicKey.export({ format: 'der', type: 'spki' })
  return {
    hashedRekordRequestV002: {
      digest: Buffer.from(digest).toString('base64'),
      signature: {
        content: Buffer.from(signature).toString('base64'),
        verifier: {
          publicKey: { rawBytes: der.toString('base64') },
          keyDetails: 'PKIX_ECDSA_P256_SHA_256',
        },
      },
    },
  }
}
