// npm run vectors -- [--root DIR] [CORPUS …]: a line per corpus, and each wrong row.
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

import { corpora } from './corpora/index.ts'

const { values, positionals } = parseArgs({
  options: { root: { type: 'string' } },
  allowPositionals: true,
})
const root = resolve(values.root ?? process.env['LACRE_VECTORS'] ?? '../shared/vectors')
const wanted = positionals.length > 0 ? positionals : corpora.map((corpus) => corpus.name)
const unknown = wanted.filter((name) => !corpora.some((corpus) => corpus.name === name))
if (unknown.length > 0) {
  console.error(
    `no corpus ${unknown.join(', ')}; there are ${corpora.map((c) => c.name).join(', ')}`,
  )
  process.exit(2)
}

let failed = false
for (const corpus of corpora) {
  if (!wanted.includes(corpus.name)) continue
  if (!existsSync(join(root, corpus.name))) {
    console.log(`${corpus.name}: skipped, there is no folder for it under the root`)
    // With the root at hand a corpus that is asked for and absent must not look like a success.
    failed ||= process.env['CI'] === 'true' && existsSync(root)
    continue
  }
  const result = await corpus.run(root, () => {})
  const { right, wrong, notApplicable } = result
  console.log(
    `${corpus.name}: ${right} right, ${wrong.length} wrong, ${notApplicable} not applicable`,
  )
  for (const row of wrong) console.log(`  ${row.id}: expected ${row.expected}, got ${row.got}`)
  failed ||= wrong.length > 0 || right + wrong.length === 0
}
process.exit(failed ? 1 : 0)
