import { readFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { expect, test } from 'vitest'

import { ENTRY_TYPES, referencePages, referencePath } from '../support/reference.ts'

const services = fileURLToPath(new URL('../../services', import.meta.url))

test('the reference is what the code says today: npm run reference', async () => {
  const pages = await referencePages()

  expect(readdirSync(dirname(referencePath('x'))).sort()).toEqual([...pages.keys()].sort())
  for (const [file, text] of pages)
    expect(readFileSync(referencePath(file), 'utf8'), file).toBe(text)
})

/** Columns of the table `live`, as SQL names them. */
const COLUMNS = ['live.alias', 'live.id', 'live.release', 'live.version']
/** Words after `type:` in these folders that are no entry's. */
const OTHERS = new Set(['ec', 'spki', 'uri', 'lacre.webhook.test', ...COLUMNS])

test('the reference has every type of entry that is written, and no other', () => {
  const sources = ['audit', 'ledger', 'operations', ''].flatMap((folder) =>
    readdirSync(join(services, folder))
      .filter((file) => file.endsWith('.ts'))
      .map((file) => readFileSync(join(services, folder, file), 'utf8')),
  )
  const text = sources.join('\n')
  const after = [...text.matchAll(/\btype(?::| =) (?:at === 0 \? BEGUN : )?'([a-z.-]+)'/g)]
  const constants = [...text.matchAll(/'((?:live|ledger)\.[a-z-]+)'/g)]
  const written = new Set([...after, ...constants].map(([, name]) => name ?? ''))

  expect([...written].filter((name) => !OTHERS.has(name)).sort()).toEqual(
    Object.keys(ENTRY_TYPES).sort(),
  )
})
