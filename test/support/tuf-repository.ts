import { createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'

import { canonicalJson, type Json } from '../../services/model/index.ts'
import { serve, type Reply } from './sigstore-services.ts'

/** A TUF repository (spec 1.0.31, consistent snapshots) that a test can sign anew, roll back or spoil. */

const KEY = () => generateKeyPairSync('ed25519')
type Pair = ReturnType<typeof KEY>
type Role = 'root' | 'timestamp' | 'snapshot' | 'targets'

export interface TufSpec {
  readonly version?: number
  readonly expires?: Partial<Record<Role, string>>
  /** Signs this role in the place of its key. */
  readonly forged?: Partial<Record<Role, KeyObject>>
  readonly targets?: Readonly<Record<string, string>>
}

const FAR = '2099-01-01T00:00:00Z'

export class TufRepository {
  readonly keys: Record<Role, Pair> = {
    root: KEY(),
    timestamp: KEY(),
    snapshot: KEY(),
    targets: KEY(),
  }
  readonly files = new Map<string, string>()

  /** Signs a state of the repository; the root metadata stays version 1 unless `rotate` made another. */
  publish(spec: TufSpec = {}): void {
    const { version = 1, targets = {} } = spec
    const entries = Object.entries(targets).map(([name, text]) => {
      const digest = createHash('sha256').update(text).digest('hex')
      this.files.set(`/targets/${digest}.${name}`, text)
      return [name, { length: Buffer.byteLength(text), hashes: { sha256: digest } }] as const
    })
    const targetsText = this.#signed(
      'targets',
      { version, targets: Object.fromEntries(entries) },
      spec,
    )
    this.files.set(`/${version}.targets.json`, targetsText)
    const snapshot = { version, meta: { 'targets.json': { version } } }
    this.files.set(`/${version}.snapshot.json`, this.#signed('snapshot', snapshot, spec))
    const timestamp = { version, meta: { 'snapshot.json': { version } } }
    this.files.set('/timestamp.json', this.#signed('timestamp', timestamp, spec))
  }

  /** The first root, as it is handed to clients. */
  root(spec: TufSpec = {}): string {
    const keys = Object.fromEntries(
      Object.values(this.keys).map((pair) => [keyId(pair.publicKey), keyJson(pair.publicKey)]),
    )
    const roles = Object.fromEntries(
      Object.entries(this.keys).map(([role, pair]) => [
        role,
        { keyids: [keyId(pair.publicKey)], threshold: 1 },
      ]),
    )
    const body = { version: spec.version ?? 1, consistent_snapshot: true, keys, roles }
    return this.#signed('root', body, spec)
  }

  #signed(
    role: Role,
    body: { readonly [name: string]: Json },
    { expires, forged }: TufSpec,
  ): string {
    const signed = { _type: role, spec_version: '1.0.31', expires: expires?.[role] ?? FAR, ...body }
    const { publicKey, privateKey } = this.keys[role]
    const sig = sign(null, Buffer.from(canonicalJson(signed)), forged?.[role] ?? privateKey)
    return JSON.stringify({
      signed,
      signatures: [{ keyid: keyId(publicKey), sig: sig.toString('hex') }],
    })
  }

  /** On this machine, as a static file server would; `bend` answers in its place. */
  async serve(bend: (path: string) => Reply | 'file' | 'nothing' = () => 'file') {
    return await serve({}, ({ path }) => {
      const bent = bend(path)
      if (bent === 'nothing') return Promise.resolve(undefined)
      const text = this.files.get(path)
      const file = text === undefined ? { status: 404, body: '' } : { status: 200, body: text }
      return Promise.resolve(bent === 'file' ? file : bent)
    })
  }
}

function keyJson(key: KeyObject) {
  const { x = '' } = key.export({ format: 'jwk' })
  return {
    keytype: 'ed25519',
    scheme: 'ed25519',
    keyval: { public: Buffer.from(x, 'base64url').toString('hex') },
  }
}

function keyId(key: KeyObject): string {
  return createHash('sha256')
    .update(canonicalJson(keyJson(key)))
    .digest('hex')
}
