import { expect, test } from 'vitest'

import { codelessStart } from '../../../services/runtime/codeless-start.ts'
import type { RuntimeFamily } from '../../../services/runtime/interpreters.ts'

const start = {
  command: ['/var/lang/bin/node', '/var/runtime/node.mjs'],
  variables: { SECRET: '1', LANG: 'en_US.UTF-8' },
  platformPaths: ['LANG'],
  interpreter: '/usr/bin/node',
  wire: 'frames',
  api: false,
  egress: false,
  extensions: [],
  runtimeOnly: ['_HANDLER'],
  codeDir: '/prepared/0/tree',
  layerDirs: [],
  memoryMb: 128,
  ephemeralMb: 512,
} as const
const defaults = { LANG: 'en_US.UTF-8' }
const settled = (change: object = {}, own: Record<string, string> = {}, family: RuntimeFamily = 'node') => codelessStart({ ...start, ...change }, { family, defaults, own }) // prettier-ignore

test('nothing of the function is in it: no code, no variable, no name', () => {
  const codeless = settled({}, { SECRET: '1' })

  expect(codeless).toEqual({
    command: start.command,
    variables: defaults,
    platformPaths: [],
    interpreter: '/usr/bin/node',
    wire: 'frames',
    api: false,
    egress: false,
    extensions: [],
    runtimeOnly: [],
    codeDir: undefined,
    layerDirs: [],
    memoryMb: 128,
    ephemeralMb: 512,
  })
})

test.each([
  ['NODE_OPTIONS', false],
  ['NODE_ENV', true],
  ['NODE_ENVIRONMENT', false],
  ['NODE_DEBUG', false],
  ['PATH', false],
  ['LD_PRELOAD', false],
  ['LD_LIBRARY_PATH', false],
  ['LDAP_URL', true],
  ['PYTHONPATH', false],
  ['PYTHONHASHSEED', false],
  ['LANG', false],
  ['LANGUAGES', true],
  ['LC_ALL', false],
  ['TZ', true],
  ['TZDIR', false],
  ['UV_THREADPOOL_SIZE', false],
  ['OPENSSL_CONF', false],
  ['SSL_CERT_FILE', false],
  ['GLIBC_TUNABLES', false],
  ['MALLOC_ARENA_MAX', false],
  ['AWS_LAMBDA_EXEC_WRAPPER', false],
  ['TABLE_NAME', true],
  ['__proto__', true],
])('a function that sets %s may be served late: %s', (name, late) => {
  expect(settled({}, { [name]: '' }) !== undefined).toBe(late)
})

test.each([
  ['layers', { layerDirs: ['/prepared/1/tree'] }],
  ['extensions', { extensions: ['/opt/extensions/a'] }],
  ['a Runtime API', { api: true }],
  ['an egress proxy', { egress: true }],
  ['another wire', { wire: 'http' }],
])('%s are started from nothing', (_what, change) => {
  expect(settled(change)).toBeUndefined()
})

test.each(['ruby', 'java', 'custom'] as const)('so is %s', (family) => {
  expect(settled({}, {}, family)).toBeUndefined()
})
