import { describe, expect, test } from 'vitest'

import { readSessionCookie, sessionCookie } from '../../../../services/http/console/cookie.ts'
import { checkSameOrigin, ownOrigin } from '../../../../services/http/console/guard.ts'

const SECURE = {
  hosts: ['lacre.example.com', 'lacre.example.com:8443'],
  secure: true,
  loopback: false,
}
const host = (value: string): [string, string][] => [['Host', value]]

describe('behind TLS', () => {
  test('the console has the names it was given, and none of this machine', () => {
    expect(ownOrigin(SECURE, host('lacre.example.com'), 443)).toBe('https://lacre.example.com')
    expect(ownOrigin(SECURE, host('LACRE.example.com:8443'), 443)).toBe(
      'https://lacre.example.com:8443',
    )
    for (const other of [
      '127.0.0.1:443',
      'localhost',
      'lacre.example.com.',
      'x.lacre.example.com',
      '',
    ])
      expect(() => ownOrigin(SECURE, host(other), 443)).toThrow(/host name/)
    expect(() => ownOrigin(SECURE, [], 443)).toThrow(/host name/)
    expect(() => ownOrigin(SECURE, [...host('lacre.example.com'), ...host('evil')], 443)).toThrow()
  })

  test('the cookie can be set by this host alone, over TLS alone', () => {
    const header = sessionCookie('s'.repeat(43), true)

    expect(header).toBe(
      `__Host-lacre-console=${'s'.repeat(43)}; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200; Secure`,
    )
    expect(readSessionCookie([['cookie', `a=b; ${header.split(';')[0]}`]], true)).toBe(
      's'.repeat(43),
    )
    expect(readSessionCookie([['cookie', 'lacre-console=x']], true)).toBeUndefined()
    expect(readSessionCookie([['cookie', '__Host-lacre-console=x']], false)).toBeUndefined()
  })
})

test('a change that says nothing of where it comes from is refused', () => {
  const own = 'https://lacre.example.com'

  expect(() => checkSameOrigin([], own)).toThrow()
  expect(() => checkSameOrigin([['origin', own]], own)).not.toThrow()
  expect(() => checkSameOrigin([['sec-fetch-site', 'same-origin']], own)).not.toThrow()
  for (const said of [
    [['origin', 'http://lacre.example.com']],
    [['sec-fetch-site', 'none']],
    [
      ['origin', own],
      ['sec-fetch-site', 'same-site'],
    ],
    [
      ['origin', own],
      ['origin', own],
    ],
  ] as [string, string][][])
    expect(() => checkSameOrigin(said, own), JSON.stringify(said)).toThrow()
})
