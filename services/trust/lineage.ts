import {
  canonicalJson,
  PlatformError,
  type KeySuccession,
  type PublisherDocument,
  type Sha256,
  type SignerIdentity,
} from '../model/index.ts'
import { encodePem } from '../seal/index.ts'
import { VerificationCache } from './cache.ts'
import { keyOfPem, type KnownPublisher } from './publisher-material.ts'
import type { PublicKey } from './public-key.ts'
import { bundleSchemes, verifySignature } from './signature.ts'

const LINEAGE_LIMIT = 32

/** What the predecessor signs: that this key takes over from it. */
export function successionBytes(keys: {
  readonly predecessor: Sha256
  readonly successor: Sha256
}): Uint8Array {
  const { predecessor, successor } = keys
  return Buffer.from(`lacre key succession v1\0${canonicalJson({ predecessor, successor })}`)
}

/**
 * The successions of a publisher document. A signature that is there holds; a key follows one other at most and never
 * itself, by whatever way round.
 * @throws PlatformError INVALID_PARAMETER
 */
export function parseLineage(value: unknown): { readonly lineage?: readonly KeySuccession[] } {
  if (value === undefined) return {}
  if (!Array.isArray(value) || value.length === 0 || value.length > LINEAGE_LIMIT)
    throw refuse(`\`lineage\` is not a list of 1 to ${LINEAGE_LIMIT} successions`)
  const lineage = value.map((item: unknown) => parseSuccession(item))
  const successors = lineage.map(({ successorPem }) => successorPem)
  if (new Set(successors).size !== successors.length) throw refuse('a key has two predecessors')
  for (const start of successors) {
    let at: string | undefined = start
    for (let steps = 0; at !== undefined; steps += 1) {
      if (steps > lineage.length) throw refuse('the lineage goes round in a circle')
      const pem: string = at
      at = lineage.find(({ successorPem }) => successorPem === pem)?.predecessorPem
    }
  }
  return { lineage }
}

function parseSuccession(value: unknown): KeySuccession {
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw refuse('a succession is not a JSON object')
  const members = value as Readonly<Record<string, unknown>>
  const known = ['predecessorPem', 'successorPem', 'signature']
  const unknown = Object.keys(members).find((name) => !known.includes(name))
  if (unknown !== undefined)
    throw refuse(`a succession has the unknown member \`${unknown.slice(0, 80)}\``)
  const predecessor = toKey(members['predecessorPem'], '`predecessorPem`')
  const successor = toKey(members['successorPem'], '`successorPem`')
  const keys = {
    predecessorPem: encodePem('PUBLIC KEY', predecessor.spki),
    successorPem: encodePem('PUBLIC KEY', successor.spki),
  }
  const { signature } = members
  if (signature === undefined) return keys
  if (typeof signature !== 'string' || !isSigned(predecessor, successor, signature))
    throw refuse('the succession is not signed by its predecessor')
  return { ...keys, signature }
}

function toKey(value: unknown, what: string): PublicKey {
  if (typeof value !== 'string' || value.includes('PRIVATE KEY'))
    throw refuse(`${what} is not a public key in PEM`)
  try {
    return keyOfPem(value, new VerificationCache())
  } catch (cause) {
    throw refuse(`${what} is not a public key in PEM`, cause)
  }
}

function isSigned(predecessor: PublicKey, successor: PublicKey, signature: string): boolean {
  const bytes = Buffer.from(signature, 'base64')
  if (bytes.toString('base64') !== signature) return false
  const signed = successionBytes({
    predecessor: predecessor.spkiSha256,
    successor: successor.spkiSha256,
  })
  return bundleSchemes(predecessor).some((scheme) =>
    verifySignature(scheme, predecessor, signed, bytes),
  )
}

/**
 * The identity with the name of the lineage that its key stands in, whatever its kind. Successions of all versions are
 * looked at, whatever became of the version: they only ever make signers fewer.
 */
export function lineageOf(
  identity: SignerIdentity | undefined,
  known: readonly KnownPublisher[],
): SignerIdentity | undefined {
  if (identity === undefined) return undefined
  const links = known.flatMap(({ publisher }) => linksOf(publisher.document))
  const members = new Set([identity.spkiSha256])
  for (const member of members) {
    for (const link of links) if (link.includes(member)) link.forEach((key) => members.add(key))
  }
  const [first] = [...members].sort()
  return members.size === 1 || first === undefined ? identity : { ...identity, lineage: first }
}

function linksOf(document: PublisherDocument): Sha256[][] {
  if (!('lineage' in document) || document.lineage === undefined) return []
  const cache = new VerificationCache()
  return document.lineage.map(({ predecessorPem, successorPem }) =>
    [predecessorPem, successorPem].map((pem) => keyOfPem(pem, cache).spkiSha256),
  )
}

function refuse(message: string, cause?: unknown): PlatformError {
  return new PlatformError('INVALID_PARAMETER', message, { cause })
}
