import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'

import { parseStrictJson, PlatformError } from '../../services/model/index.ts'
import type { Environment } from '../command.ts'
import type { KeyAccess } from './open-key.ts'
import { readSmallFile } from './read-file.ts'

const KEY_BYTES = 32

/**
 * A new master key in a new file, for its owner alone: 32 random bytes in base64 or, with a wrapping key, wrapped by its
 * holder and of no use without it.
 * @throws PlatformError RESOURCE_CONFLICT (the file is there), INVALID_PARAMETER, CONFIGURATION, SIGNER_FAILED
 */
export async function createMasterKey(
  file: string,
  kms: string | undefined,
  access: KeyAccess,
): Promise<void> {
  const secret = randomBytes(KEY_BYTES)
  if (kms === undefined) return writeNew(file, secret.toString('base64'))
  const { openWrappingKey } = await import('./kms/wrapping.ts')
  const key = openWrappingKey(kms, access)
  const wrapped = await key.wrap(secret)
  // What cannot be unwrapped again must not be what everything is sealed under.
  if (!secret.equals(await key.unwrap(wrapped)))
    throw new PlatformError(
      'SIGNER_FAILED',
      'the holder of the key unwraps another key than it wrapped',
    )
  writeNew(file, JSON.stringify({ v: 1, kms, wrapped }))
}

/**
 * What to hand to a service: its master key where the file that was named (or LACRE_MASTER_KEY_FILE) is wrapped.
 * @throws PlatformError INVALID_PARAMETER, CONFIGURATION, SIGNER_FAILED
 */
export async function openedMasterKey(
  named: string | undefined,
  environment: Environment,
): Promise<{ readonly masterKey?: string }> {
  const file = named ?? environment['LACRE_MASTER_KEY_FILE']
  const masterKey = file === undefined ? undefined : await unwrapMasterKey(file, { environment })
  return masterKey === undefined ? {} : { masterKey }
}

/**
 * The master key in a file that a holder of keys wrapped, unwrapped by it, in base64; `undefined` for a plain file, which
 * the service reads itself.
 * @throws PlatformError INVALID_PARAMETER, CONFIGURATION, SIGNER_FAILED
 */
async function unwrapMasterKey(file: string, access: KeyAccess): Promise<string | undefined> {
  const bytes = readSmallFile(file)
  if (!bytes.toString('latin1').trimStart().startsWith('{')) return undefined
  const { kms, wrapped } = parseWrapped(bytes, file)
  const { openWrappingKey } = await import('./kms/wrapping.ts')
  const secret = await openWrappingKey(kms, access).unwrap(wrapped)
  if (secret.byteLength !== KEY_BYTES)
    throw new PlatformError(
      'CONFIGURATION',
      `\`${file}\` holds no master key of ${KEY_BYTES} bytes`,
    )
  return Buffer.from(secret).toString('base64')
}

function parseWrapped(bytes: Uint8Array, file: string): { kms: string; wrapped: string } {
  const value = parseStrictJson(bytes)
  const { v, kms, wrapped } = value as Readonly<Record<string, unknown>>
  if (v !== 1 || typeof kms !== 'string' || typeof wrapped !== 'string')
    throw new PlatformError(
      'CONFIGURATION',
      `\`${file}\` is no wrapped master key that is known here`,
    )
  return { kms, wrapped }
}

function writeNew(file: string, text: string): void {
  try {
    writeFileSync(file, `${text}\n`, { flag: 'wx', mode: 0o600 })
  } catch (cause) {
    throw new PlatformError(
      'RESOURCE_CONFLICT',
      `\`${file}\` cannot be made, or is there already`,
      {
        cause,
      },
    )
  }
}
