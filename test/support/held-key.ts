import { execFileSync } from 'node:child_process'
import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export type HeldKind = 'p256' | 'p384' | 'rsa3072' | 'rsa1024' | 'ed25519'
type Padding = 'pkcs1' | 'pss'

/** A key that a double holds: it signs digests as a KMS does, which node:crypto cannot, by OpenSSL. */
export class HeldKey implements Disposable {
  readonly kind: HeldKind
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
  readonly #dir = mkdtempSync(join(tmpdir(), 'lacre-held-'))

  constructor(kind: HeldKind, label = '') {
    this.kind = kind
    const { privateKey, publicKey } = keyOf(kind, label)
    this.privateKey = privateKey
    this.publicKey = publicKey
    const pem = privateKey.export({ format: 'pem', type: 'pkcs8' })
    writeFileSync(join(this.#dir, 'key.pem'), pem, { mode: 0o600 })
  }

  get pem(): string {
    return this.publicKey.export({ format: 'pem', type: 'spki' }).toString()
  }
  get spki(): Buffer {
    return this.publicKey.export({ format: 'der', type: 'spki' })
  }
  get hash(): 'sha256' | 'sha384' {
    return this.kind === 'p384' ? 'sha384' : 'sha256'
  }

  /** DER for elliptic curves. */
  signDigest(digest: Buffer, padding: Padding = 'pkcs1'): Buffer {
    writeFileSync(join(this.#dir, 'digest'), digest)
    const rsa = ['-pkeyopt', `digest:sha${digest.byteLength * 8}`]
    const pss = ['-pkeyopt', 'rsa_padding_mode:pss', '-pkeyopt', 'rsa_pss_saltlen:digest']
    const options = this.kind.startsWith('rsa') ? [...rsa, ...(padding === 'pss' ? pss : [])] : []
    const args = ['pkeyutl', '-sign', '-inkey', 'key.pem', '-in', 'digest', ...options]
    return execFileSync('openssl', args, { cwd: this.#dir })
  }

  signMessage(message: Buffer): Buffer {
    return sign(null, message, this.privateKey)
  }

  [Symbol.dispose](): void {
    rmSync(this.#dir, { recursive: true, force: true })
  }
}

/** RSA keys take seconds to make: one of each per test file. */
const made = new Map<string, { privateKey: KeyObject; publicKey: KeyObject }>()

export function keyOf(
  kind: HeldKind | 'rsa2048',
  label: string,
): { privateKey: KeyObject; publicKey: KeyObject } {
  const pair = made.get(kind + label) ?? generate(kind)
  if (kind.startsWith('rsa')) made.set(kind + label, pair)
  return pair
}

function generate(kind: HeldKind | 'rsa2048'): { privateKey: KeyObject; publicKey: KeyObject } {
  if (kind === 'ed25519') return generateKeyPairSync('ed25519')
  if (kind === 'p256' || kind === 'p384')
    return generateKeyPairSync('ec', { namedCurve: kind === 'p256' ? 'P-256' : 'P-384' })
  return generateKeyPairSync('rsa', { modulusLength: Number(kind.slice(3)) })
}

/** r and s side by side, of a DER signature: read here once more, so that a wrong reader shows. */
export function toRaw(der: Buffer, size: number): Buffer {
  const rLength = der[3] ?? 0
  const part = (at: number, length: number): Buffer => {
    const number = BigInt(`0x${der.subarray(at, at + length).toString('hex')}`)
    return Buffer.from(number.toString(16).padStart(size * 2, '0'), 'hex')
  }
  return Buffer.concat([part(4, rLength), part(6 + rLength, der[5 + rLength] ?? 0)])
}
