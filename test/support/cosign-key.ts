import { randomBytes, scryptSync } from 'node:crypto'

import { poly1305 } from '../../cli/signing/encrypted/poly1305.ts'
import { xsalsa20Stream } from '../../cli/signing/encrypted/salsa20.ts'

/** Seals a PKCS#8 key as `cosign generate-key-pair` writes it; the box's parts are held to NaCl's own vectors elsewhere. */
export function sealAsCosign(
  pkcs8: Buffer,
  passphrase: string,
  options: {
    readonly label?: string
    readonly params?: Readonly<Record<string, unknown>>
    readonly change?: (file: Record<string, unknown>) => void
  } = {},
): string {
  const salt = randomBytes(32)
  const nonce = randomBytes(24)
  const key = scryptSync(passphrase, salt, 32, { N: 32_768, r: 8, p: 1, maxmem: 128 * 1024 * 1024 })
  const stream = xsalsa20Stream(key, nonce, 32 + pkcs8.byteLength)
  const sealed = Buffer.from(pkcs8.map((octet, at) => octet ^ (stream[32 + at] ?? 0)))
  const box = Buffer.concat([poly1305(stream.subarray(0, 32), sealed), sealed])
  const file: Record<string, unknown> = {
    kdf: {
      name: 'scrypt',
      params: options.params ?? { N: 32_768, r: 8, p: 1 },
      salt: salt.toString('base64'),
    },
    cipher: { name: 'nacl/secretbox', nonce: nonce.toString('base64') },
    ciphertext: box.toString('base64'),
  }
  options.change?.(file)
  const label = options.label ?? 'ENCRYPTED SIGSTORE PRIVATE KEY'
  const lines =
    Buffer.from(JSON.stringify(file))
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}
