// npm run torture -- NAME [--n N] [--seed S]: faults on purpose, and whether what was promised holds.
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'

import { torture as events } from './events.ts'
import { torture as kill } from './kill.ts'
import { torture as restore } from './restore.ts'
import { torture as ledger } from './ledger.ts'
import { torture as sandbox } from './sandbox.ts'
import { torture as tamper } from './tamper.ts'

const built: Readonly<Record<string, (options: { n: number; seed: number }) => Promise<number>>> = {
  kill,
  events,
  restore,
  ledger,
  sandbox,
  tamper,
}
/** How often, where it is not said. */
const N_OF: Readonly<Record<string, number>> = {
  events: 1_000,
  ledger: 200,
  restore: 5,
  sandbox: 1,
  tamper: 200,
}
const PLANNED =
  'power io disk clock faults soak overload malformed verdicts fuzz differential race linear simulate revoke'

function usage(message: string): never {
  console.error(
    `${message}\nnpm run torture -- NAME [--n N] [--seed S]; NAME: ${Object.keys(built).join(', ')}`,
  )
  process.exit(2)
}

function parseCount(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1)
    usage(`--${name} \`${text}\` is not a whole number above 0`)
  return value
}

const { values, positionals } = parseArgs({
  options: { n: { type: 'string' }, seed: { type: 'string' } },
  allowPositionals: true,
})
const [name, ...rest] = positionals
if (name === undefined || rest.length > 0) usage('one name is wanted')
if (PLANNED.split(' ').includes(name)) {
  console.error(`${name} is not built in this version`)
  process.exit(2)
}
const run = built[name]
if (run === undefined) usage(`there is no ${name}`)
const n = parseCount('n', values.n, N_OF[name] ?? 30)
const seed = parseCount('seed', values.seed, randomInt(1, 1_000_000))
process.exitCode = (await run({ n, seed })) === 0 ? 0 : 1
