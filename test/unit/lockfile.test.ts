import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { expect, test } from 'vitest'

import { wrongInLockfile } from '../support/check-lockfile.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))

interface Lock {
  lockfileVersion?: number
  packages: Record<string, Record<string, unknown>>
}

const SHIPPED = 'node_modules/better-sqlite3'
const FOR_TESTS = 'node_modules/vitest'

/** The project's own lockfile with one package changed. */
function faultsWith(path: string, change: Record<string, unknown>): string[] {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as Lock
  lock.packages[path] = { ...lock.packages[path], ...change }
  return wrongInLockfile(lock, {
    allowScripts: { 'better-sqlite3': true, esbuild: true, pkcs11js: true },
  })
}

test('the lockfile as it is has no fault', () => {
  expect(faultsWith(SHIPPED, {})).toEqual([])
})

test.each<[string, string, Record<string, unknown>]>([
  ['another registry', FOR_TESTS, { resolved: 'https://registry.example.com/vitest/-/vitest.tgz' }],
  [
    'a registry that only begins alike',
    FOR_TESTS,
    { resolved: 'https://registry.npmjs.org.example.com/v.tgz' },
  ],
  ['plain HTTP', FOR_TESTS, { resolved: 'http://registry.npmjs.org/vitest/-/vitest.tgz' }],
  ['git', FOR_TESTS, { resolved: 'git+ssh://git@github.com/vitest/vitest.git#abc' }],
  ['a folder', FOR_TESTS, { link: true }],
  ['no digest', FOR_TESTS, { integrity: undefined }],
  ['SHA-1 alone', FOR_TESTS, { integrity: 'sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=' }],
  [
    'a second digest',
    FOR_TESTS,
    { integrity: `sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk= sha512-${'A'.repeat(86)}==` },
  ],
  ['a script that nobody allowed', FOR_TESTS, { hasInstallScript: true }],
  ['a script under another name', 'node_modules/esbuild', { name: 'evil' }],
  ['a dependency by URL', FOR_TESTS, { dependencies: { evil: 'https://example.com/evil.tgz' } }],
  ['a dependency from GitHub', FOR_TESTS, { dependencies: { evil: 'someone/evil' } }],
  ['a dependency from a folder', '', { devDependencies: { evil: 'file:../evil' } }],
  ['a licence that asks for more, shipped', SHIPPED, { license: 'GPL-3.0-only' }],
  ['no licence, shipped', SHIPPED, { license: undefined }],
  ['two licences at once, shipped', SHIPPED, { license: '(MIT AND GPL-3.0-only)' }],
])('%s is a fault', (_what, path, change) => {
  expect(faultsWith(path, change)).toHaveLength(1)
})

test.each<[string, string, Record<string, unknown>]>([
  [
    'the address of the npm registry',
    FOR_TESTS,
    { resolved: 'https://registry.npmjs.org/vitest/-/vitest-4.1.12.tgz' },
  ],
  ['any licence of what tests alone need', FOR_TESTS, { license: 'GPL-3.0-only' }],
  ['one good licence to choose', SHIPPED, { license: '(BSD-3-Clause OR GPL-2.0)' }],
])('%s is none', (_what, path, change) => {
  expect(faultsWith(path, change)).toEqual([])
})

test('a lockfile with nothing in it, or of another version, is a fault', () => {
  expect(wrongInLockfile({ lockfileVersion: 3, packages: {} }, {})).toHaveLength(1)
  expect(
    wrongInLockfile({ lockfileVersion: 1, packages: { 'node_modules/a': {} } }, {}),
  ).toHaveLength(1)
})
