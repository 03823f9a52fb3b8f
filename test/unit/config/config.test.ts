import { describe, expect, test } from 'vitest'

import { readConfig } from '../../../services/config.ts'

describe('a listener beyond loopback', () => {
  test.each(['0.0.0.0:80', '192.0.2.1:80', '[::]:80', 'example.org:80'])(
    '%s is refused without TLS',
    (listen) => {
      expect(() => readConfig({ data: 'd', listen }, {})).toThrow(/not loopback/)
    },
  )

  test('is accepted where a proxy that ends TLS is named', () => {
    expect(readConfig({ data: 'd', listen: '0.0.0.0:80', trustProxy: true }, {}).host).toBe(
      '0.0.0.0',
    )
  })
})

test.each(['127.0.0.1:0', '[::1]:8080', 'localhost:1', '127.8.9.10:1'])(
  '%s is loopback',
  (listen) => {
    expect(() => readConfig({ data: 'd', listen }, {})).not.toThrow()
  },
)

test.each(['nonsense', '127.0.0.1', '127.0.0.1:99999', ':80', '127.0.0.1:-1'])(
  '%j is no address to listen on',
  (listen) => {
    expect(() => readConfig({ data: 'd', listen }, {})).toThrow(/not HOST:PORT/)
  },
)

test('the master key is taken out of the environment', () => {
  const env = { LACRE_MASTER_KEY: 'abc' }

  const config = readConfig({ data: 'd' }, env)

  expect(config.masterKey).toEqual({ from: 'environment', base64: 'abc' })
  expect(env).not.toHaveProperty('LACRE_MASTER_KEY')
})

test('a certificate without its key is refused', () => {
  expect(() => readConfig({ data: 'd', tlsCert: 'c.pem' }, {})).toThrow(/go together/)
})
