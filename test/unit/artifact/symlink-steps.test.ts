import { expect, test } from 'vitest'

import { buildZip } from '../../support/zip-builder.ts'
import { ruleOf } from './open.ts'

test('refuses a zip whose links need more steps than anybody walks', async () => {
  const content = Array.from({ length: 500 }, () => 'd').join('/')
  const entries = Array.from({ length: 900 }, (_, at) => ({
    name: `l${at}`,
    content,
    mode: 0o120777,
  }))

  expect(await ruleOf(buildZip({ entries }))).toBe('zip.symlink-loop')
})
