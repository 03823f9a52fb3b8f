import type { Keys } from './keys.ts'

/** HMAC secrets of webhooks under the master key, each bound to its webhook: one key, one purpose (RULES §9). */
export function webhookSecretBox(keys: Pick<Keys, 'seal' | 'open'>) {
  const purposeOf = (webhookId: string): string => `webhook ${webhookId}`
  return {
    seal: (secret: string, webhookId: string): string =>
      keys.seal(purposeOf(webhookId), Buffer.from(secret)),
    /** @throws PlatformError CONFIGURATION (another master key), INTERNAL (changed, or of another webhook) */
    open: (sealed: string, webhookId: string): string =>
      Buffer.from(keys.open(purposeOf(webhookId), sealed)).toString(),
  }
}
