import { expect, test } from 'vitest'

import { compiledUrl, packageUrl } from '../../../services/model/index.ts'

test.each([
  ['file:///srv/services/lacre/cli/commands/self.ts'],
  ['file:///srv/services/lacre/dist/cli/commands/self.js'],
  ['file:///srv/services/lacre/services/shipped-policies.ts'],
  ['file:///srv/services/lacre/dist/services/shipped-policies.js'],
])('finds the root of the package from %s', (importMetaUrl) => {
  expect(packageUrl(importMetaUrl, 'policies').href).toBe('file:///srv/services/lacre/policies')
  expect(packageUrl(importMetaUrl, '').href).toBe('file:///srv/services/lacre/')
})

test.each([
  ['file:///lacre/services/operations/offload.ts'],
  ['file:///lacre/dist/services/operations/offload.js'],
])('finds a compiled worker from %s', (importMetaUrl) => {
  const found = compiledUrl(importMetaUrl, './examine-worker.js')

  expect(found.href).toBe('file:///lacre/dist/services/operations/examine-worker.js')
})
