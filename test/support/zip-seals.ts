import type { KeyObject } from 'node:crypto'

import { keySigner, makeSeal } from '../../cli/signing/index.ts'
import { openArtifact, unsealedSource, withSealBlock } from '../../services/artifact/index.ts'
import { bufferSource, type Json } from '../../services/model/index.ts'
import { encodeSealBlock } from '../../services/seal/index.ts'

/** A seal (Sigstore bundle over our statement) by this key over the unsealed bytes of a zip. */
export async function bundleSeal(
  zip: Uint8Array,
  privateKey: KeyObject,
  predicate: Readonly<Record<string, Json>> = {},
): Promise<Uint8Array> {
  const artifact = await openArtifact(bufferSource(zip))
  const signer = keySigner(privateKey)
  const { publicKey } = signer
  const identity = { signer, publicKey, leaf: undefined, intermediates: [] }
  const subject = { name: 'code.zip', sha256: artifact.sha256, unsealed: unsealedSource(artifact) }
  return await makeSeal('bundle', { identity }, subject, predicate)
}

/** The zip with these seals in its block. */
export async function sealedZip(zip: Uint8Array, ...seals: readonly Uint8Array[]): Promise<Buffer> {
  const artifact = await openArtifact(bufferSource(zip))
  const block = encodeSealBlock(seals.map((bytes) => ({ format: 'bundle' as const, bytes })))
  const source = withSealBlock(artifact, block)
  return Buffer.from(source.read(0, source.sizeBytes))
}
