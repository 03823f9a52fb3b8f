import { generateKeyPairSync, type KeyObject } from 'node:crypto'

/** A fresh P-256 key pair; the public half in PEM. */
export function keyPair(): { readonly publicPem: string; readonly privateKey: KeyObject } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { publicPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(), privateKey }
}
