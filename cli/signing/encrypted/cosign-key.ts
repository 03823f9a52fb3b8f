import { createPrivateKey, scryptSync, type KeyObject } from 'node:crypto'

import { PlatformError, parseStrictJson, type Json } from '../../../services/model/index.ts'
import { openSecretbox, SECRETBOX_KEY_BYTES, SECRETBOX_NONCE_BYTES } from './secretbox.ts'

/** The labels that cosign has written over time. */
export const COSIGN_LABELS: readonly string[] = [
  'ENCRYPTED COSIGN PRIVATE KEY',
  'ENCRYPTED SIGSTORE PRIVATE KEY',
]

/** cosign writes N = 32,768 or 65,536, r = 8, p = 1; a file may not make us work or allocate without bound. */
const SCRYPT_COST_MIN = 16_384
const SCRYPT_COST_MAX = 262_144
const SCRYPT_BLOCK_SIZE = 8
const SCRYPT_PARALLELISM_MAX = 4
const SALT_BYTES_MIN = 8
const SALT_BYTES_MAX = 64

interface Sealed {
  readonly N: number
  readonly p: number
  readonly salt: Buffer
  readonly nonce: Buffer
  readonly box: Buffer
}

/**
 * Opens cosign's own key format: JSON in PEM that names scrypt and NaCl's secretbox around a PKCS#8 key.
 * @throws PlatformError INVALID_PARAMETER
 */
export function openCosignKey(json: Uint8Array, passphrase: string): KeyObject {
  const { N, p, salt, nonce, box } = readSealed(json)
  const key = scryptSync(passphrase, salt, SECRETBOX_KEY_BYTES, {
    N,
    r: SCRYPT_BLOCK_SIZE,
    p,
    maxmem: 256 * N * SCRYPT_BLOCK_SIZE,
  })
  const opened = openSecretbox(box, nonce, key)
  if (opened === undefined) throw refuse('the cosign key does not open: is the passphrase right?')
  try {
    return createPrivateKey({ key: opened, format: 'der', type: 'pkcs8' })
  } catch {
    // No cause: an error of the parser may quote what it read.
    throw refuse('the cosign key holds no PKCS#8 key')
  }
}

function readSealed(json: Uint8Array): Sealed {
  const file = toMembers(parse(json), ['kdf', 'cipher', 'ciphertext'])
  const kdf = toMembers(file['kdf'], ['name', 'params', 'salt'])
  const cipher = toMembers(file['cipher'], ['name', 'nonce'])
  if (kdf['name'] !== 'scrypt' || cipher['name'] !== 'nacl/secretbox')
    throw refuse('the cosign key is not sealed with scrypt and nacl/secretbox')
  const params = toMembers(kdf['params'], ['N', 'r', 'p'])
  return {
    ...toCost(params),
    salt: toBytes(kdf['salt'], SALT_BYTES_MIN, SALT_BYTES_MAX),
    nonce: toBytes(cipher['nonce'], SECRETBOX_NONCE_BYTES, SECRETBOX_NONCE_BYTES),
    box: toBytes(file['ciphertext'], 16, 65_536),
  }
}

function toCost({ N, r, p }: Members): { N: number; p: number } {
  const within = (value: unknown, min: number, max: number): value is number =>
    Number.isInteger(value) && Number(value) >= min && Number(value) <= max
  if (
    !within(N, SCRYPT_COST_MIN, SCRYPT_COST_MAX) ||
    !Number.isInteger(Math.log2(N)) ||
    r !== SCRYPT_BLOCK_SIZE ||
    !within(p, 1, SCRYPT_PARALLELISM_MAX)
  )
    throw refuse(
      `the cosign key asks for scrypt out of bounds: N ${SCRYPT_COST_MIN} to ${SCRYPT_COST_MAX}, r ${SCRYPT_BLOCK_SIZE}, p 1 to ${SCRYPT_PARALLELISM_MAX}`,
    )
  return { N, p }
}

type Members = Readonly<Record<string, Json | undefined>>

function parse(json: Uint8Array): Json {
  try {
    return parseStrictJson(json)
  } catch (cause) {
    throw refuse('the cosign key is not JSON', cause)
  }
}

function toMembers(value: Json | undefined, names: readonly string[]): Members {
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw refuse('the cosign key is not in the form that cosign writes')
  const members = value as Members
  if (Object.keys(members).some((name) => !names.includes(name)))
    throw refuse('the cosign key has members that cosign does not write')
  return members
}

function toBytes(value: Json | undefined, min: number, max: number): Buffer {
  const bytes = Buffer.from(typeof value === 'string' ? value : '', 'base64')
  if (bytes.toString('base64') !== value || bytes.byteLength < min || bytes.byteLength > max)
    throw refuse('the cosign key has a salt, nonce or ciphertext that is not as cosign writes it')
  return bytes
}

function refuse(message: string, cause?: unknown): PlatformError {
  return new PlatformError('INVALID_PARAMETER', message, { cause })
}
