import { createHmac } from 'node:crypto'

import { expect, test } from 'vitest'

import { systemRandom } from '../../../services/model/index.ts'
import { newWebhookSecret, signatureHeaders } from '../../../services/webhooks/signature.ts'

/** The reference vector of the Standard Webhooks libraries. */
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const message = {
  id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  timestamp: 1_614_265_330,
  body: '{"test": 2432232314}',
}
const SIGNATURE = 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='

test('signs as the reference vector of Standard Webhooks does', () => {
  expect(signatureHeaders(message, [SECRET])).toEqual({
    'webhook-id': message.id,
    'webhook-timestamp': '1614265330',
    'webhook-signature': SIGNATURE,
  })
})

test('signs with both secrets of a rotation, the new one first', () => {
  const fresh = newWebhookSecret(systemRandom)
  const key = Buffer.from(fresh.slice('whsec_'.length), 'base64')
  const mac = createHmac('sha256', key).update(`${message.id}.1614265330.${message.body}`)

  const headers = signatureHeaders(message, [fresh, SECRET])

  expect(headers['webhook-signature']).toBe(`v1,${mac.digest('base64')} ${SIGNATURE}`)
})

test('makes secrets of 32 bytes, none twice', () => {
  const [one, other] = [newWebhookSecret(systemRandom), newWebhookSecret(systemRandom)]

  expect(one).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
  expect(one).not.toBe(other)
})

test.each(['', 'whsec_', 'whsec_AAAA', SECRET.slice(6), `${SECRET}!`, 'whsec_\r\nx: y'])(
  'never signs with `%s`, which is no secret: its key would be anybody’s',
  (secret) => {
    expect(() => signatureHeaders(message, [secret])).toThrow(
      expect.objectContaining({ code: 'INTERNAL' }),
    )
  },
)
