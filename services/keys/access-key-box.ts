import { PlatformError } from '../model/index.ts'
import type { Keys } from './keys.ts'

const PURPOSE = 'access-key'

/** Secrets of access keys under the master key, each bound to the id of its key. */
export function accessKeyBox(keys: Pick<Keys, 'seal' | 'open'>) {
  const purposeOf = (accessKeyId: string): string => `${PURPOSE} ${accessKeyId}`
  return {
    seal: (plain: string, accessKeyId: string): string =>
      keys.seal(purposeOf(accessKeyId), Buffer.from(plain)),
    /** @throws PlatformError CONFIGURATION (another master key), INTERNAL (changed, or of another key) */
    open: (sealed: string, accessKeyId: string): string => {
      try {
        return Buffer.from(keys.open(purposeOf(accessKeyId), sealed)).toString()
      } catch (error) {
        if (!(error instanceof PlatformError) || error.code !== 'INTERNAL') throw error
        // Boxes of 0.1 were bound to the purpose alone; one bound to another id opens by neither.
        return Buffer.from(keys.open(PURPOSE, sealed)).toString()
      }
    },
  }
}
