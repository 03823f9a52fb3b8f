// npm run bench -- NAME [--json]: figures, each beside its neighbour in the same run. Run after a build.
// npm run bench -- liveset [--aliases N] [--data DIR]: of one size; of an installation that is made in DIR once and copied.
import { parseArgs } from 'node:util'

import { catalogBench } from './catalog.ts'
import { coldstartBench } from './coldstart.ts'
import { consoleBench } from './console.ts'
import { gateBench } from './gate.ts'
import { invokeBench } from './invoke.ts'
import { ledgerBench } from './ledger.ts'
import { livesetBench } from './liveset.ts'
import { packBench } from './pack.ts'
import { verifyBench } from './verify.ts'
import { webhooksBench } from './webhooks.ts'

export interface Figure {
  readonly name: string
  /** The median, and what it is measured in. */
  readonly value: number
  readonly unit: string
}

const built: Readonly<Record<string, () => Promise<readonly Figure[]>>> = {
  catalog: catalogBench,
  coldstart: coldstartBench,
  console: consoleBench,
  gate: gateBench,
  invoke: invokeBench,
  ledger: ledgerBench,
  liveset: () =>
    livesetBench({
      aliases: values.aliases === undefined ? undefined : Number(values.aliases),
      data: values.data,
    }),
  pack: packBench,
  verify: verifyBench,
  webhooks: webhooksBench,
}
const { values, positionals } = parseArgs({
  options: { json: { type: 'boolean' }, aliases: { type: 'string' }, data: { type: 'string' } },
  allowPositionals: true,
})
const [name, ...rest] = positionals
const bench = name === undefined || rest.length > 0 ? undefined : built[name]
if (bench === undefined) {
  console.error(`npm run bench -- NAME; NAME: ${Object.keys(built).join(', ')}`)
  process.exit(2)
}
const figures = await bench()
if (values.json === true) console.log(JSON.stringify(figures, null, 2))
else for (const { name: what, value, unit } of figures) console.log(`${what}: ${value} ${unit}`)
