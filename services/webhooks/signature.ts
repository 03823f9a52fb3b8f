import { createHmac } from 'node:crypto'

import { PlatformError, type Random } from '../model/index.ts'

/** Standard Webhooks: the secret as people carry it. */
const PREFIX = 'whsec_'
/** Standard Webhooks: 24 to 64 bytes; as many as SHA-256 gives. */
const SECRET_BYTES = 32

export function newWebhookSecret(random: Random): string {
  return PREFIX + Buffer.from(random.bytes(SECRET_BYTES)).toString('base64')
}

/** What is signed: `id.timestamp.body`. */
export interface WebhookMessage {
  /** The same at every attempt. */
  readonly id: string
  /** Seconds since the epoch, of the attempt. */
  readonly timestamp: number
  readonly body: string
}

/**
 * The headers of Standard Webhooks 1.0, with one signature for each secret: two while a rotation lasts.
 * @throws PlatformError INTERNAL for what is no secret
 */
export function signatureHeaders(
  { id, timestamp, body }: WebhookMessage,
  secrets: readonly string[],
): Readonly<Record<string, string>> {
  const signed = `${id}.${timestamp}.${body}`
  const signatures = secrets.map((secret) => {
    const mac = createHmac('sha256', keyOf(secret)).update(signed).digest('base64')
    return `v1,${mac}`
  })
  return {
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': signatures.join(' '),
  }
}

function keyOf(secret: string): Buffer {
  const text = secret.slice(PREFIX.length)
  const key = Buffer.from(text, 'base64')
  // A secret that is none would sign with an empty key, which everybody has.
  if (!secret.startsWith(PREFIX) || key.length < 24 || key.toString('base64') !== text)
    throw new PlatformError('INTERNAL', 'the secret of a webhook cannot be read')
  return key
}
