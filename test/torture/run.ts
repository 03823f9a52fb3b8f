// npm run torture -- NAME [--n N] [--seed S] [--seconds T] [--target NAME] [--at-once K]: faults on purpose, and whether what was promised holds.
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'

import { torture as clock } from './clock.ts'
import { torture as differential } from './differential.ts'
import { torture as disk } from './disk-full.ts'
import { torture as events } from './events.ts'
import { torture as faults } from './faults.ts'
import { torture as fuzz } from './fuzz.ts'
import { torture as io } from './io.ts'
import { torture as kill } from './kill.ts'
import { torture as power } from './power.ts'
import { torture as restore } from './restore.ts'
import { torture as ledger } from './ledger.ts'
import { torture as linear } from './linear.ts'
import { torture as malformed } from './malformed.ts'
import { torture as overload } from './overload.ts'
import { torture as race } from './race.ts'
import { torture as revoke } from './revoke.ts'
import { torture as sandbox } from './sandbox.ts'
import { torture as simulate } from './simulate.ts'
import { torture as soak } from './soak.ts'
import { torture as tamper } from './tamper.ts'
import { torture as verdicts } from './verdicts.ts'

interface TortureOptions {
  readonly n: number
  readonly seed: number
  /** Where a program runs for a time: `fuzz`, for each target; `overload`, in each round; `soak`. */
  readonly seconds: number | undefined
  readonly target: string | undefined
  /** Attacks that run beside each other: `sandbox`. */
  readonly atOnce: number | undefined
}

const built: Readonly<Record<string, (options: TortureOptions) => Promise<number>>> = {
  clock,
  differential,
  disk,
  io,
  kill,
  power,
  events,
  faults,
  fuzz,
  restore,
  ledger,
  linear,
  malformed,
  overload,
  race,
  revoke,
  sandbox,
  simulate,
  soak,
  tamper,
  verdicts,
}
/** How often, where it is not said. */
const N_OF: Readonly<Record<string, number>> = {
  clock: 20,
  differential: 2_000,
  disk: 3,
  events: 1_000,
  faults: 30,
  fuzz: 1_000_000_000,
  io: 50,
  ledger: 200,
  linear: 200,
  malformed: 100_000,
  overload: 1,
  race: 100,
  power: 20,
  restore: 5,
  revoke: 20,
  sandbox: 1,
  simulate: 1_000,
  tamper: 200,
  verdicts: 300,
}
const SECONDS_OF: Readonly<Record<string, number>> = { fuzz: 30, overload: 60, soak: 120 }

function usage(message: string): never {
  console.error(
    `${message}\nnpm run torture -- NAME [--n N] [--seed S] [--seconds T] [--target NAME] [--at-once K]; NAME: ${Object.keys(built).join(', ')}`,
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
  options: {
    n: { type: 'string' },
    seed: { type: 'string' },
    seconds: { type: 'string' },
    target: { type: 'string' },
    'at-once': { type: 'string' },
  },
  allowPositionals: true,
})
const [name, ...rest] = positionals
if (name === undefined || rest.length > 0) usage('one name is wanted')
const run = built[name]
if (run === undefined) usage(`there is no ${name}`)
const n = parseCount('n', values.n, N_OF[name] ?? 30)
const seed = parseCount('seed', values.seed, randomInt(1, 1_000_000))
// A number of times is as long as it takes.
const otherwise = values.n === undefined ? SECONDS_OF[name] : undefined
const seconds = values.seconds === undefined ? otherwise : parseCount('seconds', values.seconds, 1)
const { target } = values
const atOnce =
  values['at-once'] === undefined ? undefined : parseCount('at-once', values['at-once'], 1)
process.exitCode = (await run({ n, seed, seconds, target, atOnce })) === 0 ? 0 : 1
