import { execFileSync, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { poly1305 } from '../../../../cli/signing/encrypted/poly1305.ts'
import { openSecretbox } from '../../../../cli/signing/encrypted/secretbox.ts'
import { xsalsa20Stream } from '../../../../cli/signing/encrypted/salsa20.ts'

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex')

/** Bernstein, "Cryptography in NaCl", §10: the secretbox of its examples. */
const nacl = {
  key: hex('1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389'),
  nonce: hex('69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37'),
  message: hex(`
    be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffc
    e5ecbaaf33bd751a1ac728d45e6c61296cdc3c01233561f41db66cce314adb31
    0e3be8250c46f06dceea3a7fa1348057e2f6556ad6b1318a024a838f21af1fde
    048977eb48f59ffd4924ca1c60902e52f0a089bc76897040e082f93776384864 5e0705`),
  box: hex(`
    f3ffc7703f9400e52a7dfb4b3d3305d98e993b9f48681273c29650ba32fc76ce
    48332ea7164d96a4476fb8c531a1186ac0dfc17c98dce87b4da7f011ec48c972
    71d2c20f9b928fe2270d6fb863d51738b48eeee314a7cc8ab932164548e526ae
    90224368517acfeabd6bb3732bc0e9da99832b61ca01b6de56244a9e88d5f9b3
    7973f622a43d14a6599b1f654cb45a74e355a5`),
}

test("opens the secretbox of NaCl's paper", () => {
  expect(openSecretbox(nacl.box, nacl.nonce, nacl.key)).toEqual(nacl.message)
})

test("makes the first octets of XSalsa20 as NaCl's paper has them", () => {
  const stream = xsalsa20Stream(nacl.key, nacl.nonce, 32)

  expect(stream.toString('hex')).toBe(
    'eea6a7251c1e72916d11c2cb214d3c252539121d8e234e652d651fa4c8cff880',
  )
})

test('makes the tag of RFC 8439 §2.5.2', () => {
  const key = hex('85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b')
  const tag = poly1305(key, Buffer.from('Cryptographic Forum Research Group'))

  expect(tag.toString('hex')).toBe('a8061dc1305136c6c22b8baf0c0127a9')
})

// RFC 8439 A.3, vectors 7 to 10: sums around 2^130 - 5 and 2^128, where a wrong reduction shows.
const ff = 'ff'.repeat(16)
const r = (first: string): string => first.padEnd(32, '0')
const none = r('00')
test.each([
  ['r·h beyond the prime', r('02') + none, ff, '03'],
  ['the addition of s beyond 2^128', r('02') + ff, r('02'), '03'],
  ['a sum of several blocks', r('01') + none, `${ff}f0${'ff'.repeat(15)}${r('11')}`, '05'],
  ['a sum that is the prime', r('01') + none, `${ff}fb${'fe'.repeat(15)}${'01'.repeat(16)}`, '00'],
])('reduces %s', (_title, key, message, first) => {
  expect(poly1305(hex(key), hex(message)).toString('hex')).toBe(first.padEnd(32, '0'))
})

test.skipIf(spawnSync('openssl', ['version']).status !== 0)(
  "agrees with OpenSSL's Poly1305 at every length around a block",
  () => {
    const dir = mkdtempSync(join(tmpdir(), 'lacre-poly1305-'))
    try {
      for (const length of [0, 1, 15, 16, 17, 31, 32, 33, 300]) {
        const key = randomBytes(32)
        const message = randomBytes(length)
        writeFileSync(join(dir, 'message'), message)
        const args = [
          'mac',
          '-macopt',
          `hexkey:${key.toString('hex')}`,
          '-in',
          'message',
          'POLY1305',
        ]
        const theirs = execFileSync('openssl', args, { cwd: dir, encoding: 'latin1' }).trim()

        expect(poly1305(key, message).toString('hex')).toBe(theirs.toLowerCase())
      }
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
  },
)

test('opens nothing with any one bit changed, nor cut short', () => {
  for (let at = 0; at < nacl.box.byteLength; at += 1) {
    const box = Buffer.from(nacl.box)
    box[at] = (box[at] ?? 0) ^ (1 << (at % 8))
    expect(openSecretbox(box, nacl.nonce, nacl.key)).toBeUndefined()
  }
  const cut = nacl.box.subarray(0, -1)
  expect(openSecretbox(cut, nacl.nonce, nacl.key)).toBeUndefined()
  expect(openSecretbox(nacl.box.subarray(0, 15), nacl.nonce, nacl.key)).toBeUndefined()
})
