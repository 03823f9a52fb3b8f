import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'

import { PlatformError, type Random } from '../model/index.ts'

const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16

/** Where the key that encrypts all others came from; `doctor` says it, `strict-production` refuses the last. */
export type MasterKeySource = 'file' | 'environment' | 'kms' | 'inside the data directory'

export interface MasterKey {
  readonly source: MasterKeySource
  /** Eight hex digits that tell master keys apart and say nothing of them. */
  readonly id: string
  /** HMAC-SHA-256 under a key of that purpose, hex. */
  mac(purpose: string, value: string): string
  /** AES-256-GCM, bound to what it is for. */
  encrypt(purpose: string, plaintext: Uint8Array): string
  /** @throws PlatformError CONFIGURATION: sealed by another master key · INTERNAL: changed since */
  decrypt(purpose: string, sealed: string): Uint8Array
}

export interface MasterKeyOptions {
  readonly dataDir: string
  readonly random: Random
  /** A file of 32 bytes, or of their base64. */
  readonly file?: string
  /** Base64 of 32 bytes, from the environment or unwrapped by a KMS. */
  readonly value?: string
  readonly valueFrom?: 'environment' | 'kms'
  /** False where there are secrets already: a new key would open none of them. */
  readonly mayMake?: boolean
}

/**
 * The configured master key; without one, a file in the data directory, made at first use (RULES §9).
 * @throws PlatformError CONFIGURATION
 */
export function loadMasterKey(options: MasterKeyOptions): MasterKey {
  if (options.value !== undefined) {
    const bytes = decodeKey(options.value.trim(), 'the master key given')
    return masterKey(bytes, options.valueFrom ?? 'environment')
  }
  if (options.file !== undefined) return masterKey(readKeyFile(options.file), 'file')
  const path = join(options.dataDir, 'master.key')
  if (options.mayMake === false && !existsSync(path))
    throw new PlatformError(
      'CONFIGURATION',
      `the secrets here were sealed by a master key that is not in \`${path}\`: give --master-key-file, or put it back there`,
    )
  createOnce(path, options.random)
  return masterKey(readKeyFile(path), 'inside the data directory')
}

function readKeyFile(path: string): Uint8Array {
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch (cause) {
    throw new PlatformError('CONFIGURATION', `the master key file \`${path}\` cannot be read`, {
      cause,
    })
  }
  if (bytes.length === KEY_BYTES) return bytes
  return decodeKey(bytes.toString('latin1').trim(), `the master key file \`${path}\``)
}

function decodeKey(text: string, what: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64')
  if (bytes.length !== KEY_BYTES || bytes.toString('base64') !== text) {
    throw new PlatformError('CONFIGURATION', `${what} is not the base64 of ${KEY_BYTES} bytes`)
  }
  return bytes
}

/** O_EXCL: a key that is there is never written over, for all that was sealed would be lost. */
function createOnce(path: string, random: Random): void {
  let file: number
  try {
    file = openSync(path, 'wx', 0o600)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return
    throw new PlatformError('CONFIGURATION', `the master key cannot be written to \`${path}\``, {
      cause: error,
    })
  }
  try {
    writeSync(file, `${Buffer.from(random.bytes(KEY_BYTES)).toString('base64')}\n`)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

function masterKey(bytes: Uint8Array, source: MasterKeySource): MasterKey {
  const derive = (info: string, length: number): Buffer =>
    Buffer.from(hkdfSync('sha256', bytes, 'lacre master key v1', info, length))
  const key = derive('seal', KEY_BYTES)
  const id = derive('id', 4).toString('hex')
  const bind = (purpose: string): Buffer => Buffer.from(`lacre sealed v1\0${purpose}`)
  return {
    source,
    id,
    mac: (purpose, value) =>
      createHmac('sha256', derive(`mac ${purpose}`, KEY_BYTES))
        .update(value)
        .digest('hex'),
    encrypt(purpose, plaintext) {
      // AES-GCM asks for nonces never used twice: the system's generator, not the one that tests replace.
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(bind(purpose))
      const box = [nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]
      return `v1.${id}.${Buffer.concat(box).toString('base64url')}`
    },
    decrypt(purpose, sealed) {
      const [version, sealedBy, encoded, ...rest] = sealed.split('.')
      const box = Buffer.from(encoded ?? '', 'base64url')
      if (version !== 'v1' || rest.length > 0 || box.length < NONCE_BYTES + TAG_BYTES)
        throw changed()
      if (sealedBy !== id) throw otherKey(sealedBy ?? '', id)
      const tag = box.subarray(-TAG_BYTES)
      const decipher = createDecipheriv('aes-256-gcm', key, box.subarray(0, NONCE_BYTES))
      decipher.setAAD(bind(purpose)).setAuthTag(tag)
      try {
        const text = decipher.update(box.subarray(NONCE_BYTES, -TAG_BYTES))
        return Buffer.concat([text, decipher.final()])
      } catch (cause) {
        throw changed(cause)
      }
    },
  }
}

function otherKey(sealedBy: string, id: string): PlatformError {
  return new PlatformError(
    'CONFIGURATION',
    `the keys in the data directory were sealed by another master key (\`${sealedBy}\`, this one is \`${id}\`); start with that one`,
  )
}

function changed(cause?: unknown): PlatformError {
  return new PlatformError('INTERNAL', 'a sealed secret was changed in the database', { cause })
}
