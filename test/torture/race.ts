// Whoever can write the data directory changes a package between the moment it was verified and the one it runs at.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs' // prettier-ignore
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import {
  GetFunctionConfigurationCommand,
  InvokeCommand,
  UpdateFunctionCodeCommand,
  type LambdaClient,
} from '@aws-sdk/client-lambda'

import { createActive } from '../support/functions.ts'
import { zipOf } from '../support/packages.ts'
import { startService } from '../support/service.ts'
import { tempDir } from '../support/state.ts'
import { Seeded } from './seeded.ts'

const NAME = 'race'
/** How long the file that is to be changed is waited for, and an update until it is settled. */
const APPEAR_LIMIT_MS = 3_000
const SETTLE_LIMIT_MS = 30_000
const DELAY_LIMIT_MS = 60
const EVIL = 'exports.handler = async () => ({ release: -1, digest: "evil" })\n'
const evilZip = zipOf({ 'index.js': EVIL })

interface Answer {
  readonly release: number
  readonly digest: string
}

/** A way to put other bytes into the place of those that were verified. */
interface Attack {
  readonly name: string
  /** The file it waits for; `undefined` where it is not there yet. */
  find(dirs: Places): string | undefined
  strike(path: string, scratch: string): void
}

interface Places {
  readonly blob: string
  readonly prepared: string
  readonly codeSha256: string
}

const blob = ({ blob: path }: Places): string | undefined => (existsSync(path) ? path : undefined)
const inTree = ({ prepared, codeSha256 }: Places): string | undefined => {
  const path = join(prepared, codeSha256, 'tree', 'index.js')
  return existsSync(path) ? path : undefined
}
/** While it is unpacked. */
const inFreshTree = ({ prepared, codeSha256 }: Places): string | undefined => {
  const fresh = readdirSync(prepared).find((name) => name.startsWith(`.new-${codeSha256}`))
  const path = fresh && join(prepared, fresh, 'tree', 'index.js')
  return path !== undefined && existsSync(path) ? path : undefined
}

const ATTACKS: readonly Attack[] = [
  { name: 'blob written', find: blob, strike: (path) => writeFileSync(path, evilZip) },
  { name: 'blob renamed over', find: blob, strike: (path, at) => overwrite(path, at, evilZip) },
  { name: 'file written', find: inTree, strike: (path) => writeFileSync(path, EVIL) },
  { name: 'file renamed over', find: inTree, strike: (path, at) => overwrite(path, at, EVIL) },
  { name: 'fresh file written', find: inFreshTree, strike: (path) => writeFileSync(path, EVIL) },
  {
    name: 'file made a link',
    find: inTree,
    strike(path, at) {
      writeFileSync(at, EVIL, { mode: 0o644 })
      rmSync(path)
      symlinkSync(at, path)
    },
  },
  {
    name: 'tree renamed over',
    find: inTree,
    strike(path, at) {
      mkdirSync(at)
      writeFileSync(join(at, 'index.js'), EVIL)
      renameSync(join(path, '..'), `${at}-was`)
      renameSync(at, join(path, '..'))
    },
  },
]

export async function torture({ n, seed }: { n: number; seed: number }): Promise<number> {
  const chance = new Seeded(seed)
  const counts = new Map<string, number>()
  using data = tempDir()
  await using service = await startService({ data: data.path })
  const client = service.client()
  await createActive(client, NAME, { Code: { ZipFile: packageOf(0).zip }, Timeout: 5 })
  let failed = 0
  let serving = 0
  for (let number = 1; number <= n; number += 1) {
    const attack = chance.pick(ATTACKS)
    const plan = { attack, delayMs: chance.integer(0, DELAY_LIMIT_MS), number, serving }
    const { wrong, struck, settled } = await raceOnce(client, data.path, plan)
    if (settled) serving = number
    const how = `${attack.name}, ${struck ? 'in time' : 'too late'}`
    counts.set(how, (counts.get(how) ?? 0) + 1)
    if (wrong === undefined) continue
    failed += 1
    console.log(`FAILED ${number}, ${attack.name} after ${plan.delayMs} ms: ${wrong}`)
  }
  client.destroy()
  for (const [how, count] of [...counts].toSorted(([a], [b]) => (a < b ? -1 : 1)))
    console.log(`${how.padEnd(32)} ${count}`)
  console.log(`race: ${n} done, ${failed} failed (seed ${seed})`)
  return failed
}

interface Plan {
  readonly attack: Attack
  readonly delayMs: number
  readonly number: number
  /** Whose code was served before. */
  readonly serving: number
}

/** New code, somebody who changes it, and callers all the while: each answer has to be of a package that was verified. */
async function raceOnce(
  client: LambdaClient,
  dataDir: string,
  { attack, delayMs, number, serving }: Plan,
): Promise<{ wrong: string | undefined; struck: boolean; settled: boolean }> {
  const next = packageOf(number)
  const codeSha256 = createHash('sha256').update(next.zip).digest('hex')
  const places: Places = {
    codeSha256,
    blob: join(dataDir, 'blobs', codeSha256.slice(0, 2), codeSha256),
    prepared: join(dataDir, 'prepared'),
  }
  const over = new AbortController()
  const scratch = join(dataDir, `scratch-${number}`)
  const striking = strikeWhenThere({ attack, places, scratch, delayMs }, over.signal)
  await client.send(new UpdateFunctionCodeCommand({ FunctionName: NAME, ZipFile: next.zip }))
  const answers: Answer[] = []
  const status = await invokeUntilSettled(client, answers)
  const struck = await Promise.race([striking, sleep(APPEAR_LIMIT_MS, false)])
  over.abort()
  for (let again = 0; again < 2; again += 1) answers.push(...(await invokeOnce(client)))
  const known = new Map([serving, number].map((one) => [one, packageOf(one).digest]))
  const wrong = answers.find(({ release, digest }) => known.get(release) !== digest)
  return {
    wrong: wrong && `an answer by ${JSON.stringify(wrong)}`,
    struck,
    settled: status === 'Successful',
  }
}

/** A function that tells which it is, and the digest of the file that it was loaded from. */
function packageOf(number: number): { readonly zip: Buffer; readonly digest: string } {
  const source = `const text = require('node:fs').readFileSync(__filename)
const digest = require('node:crypto').createHash('sha256').update(text).digest('hex')
exports.handler = async () => ({ release: ${number}, digest })
`
  const digest = createHash('sha256').update(source).digest('hex')
  return { zip: zipOf({ 'index.js': source }), digest }
}

function overwrite(path: string, scratch: string, content: string | Buffer): void {
  writeFileSync(scratch, content, { mode: 0o644 })
  renameSync(scratch, path)
}

/** Whether it came to strike. */
async function strikeWhenThere(
  {
    attack,
    places,
    scratch,
    delayMs,
  }: {
    readonly attack: Attack
    readonly places: Places
    readonly scratch: string
    readonly delayMs: number
  },
  over: AbortSignal,
): Promise<boolean> {
  while (!over.aborted) {
    const path = attack.find(places)
    if (path === undefined) {
      await new Promise(setImmediate)
      continue
    }
    // What is only there for a moment is struck at once.
    if (attack.find !== inFreshTree) await sleep(delayMs)
    try {
      attack.strike(path, scratch)
      return true
    } catch {
      return false
    }
  }
  return false
}

async function invokeUntilSettled(client: LambdaClient, answers: Answer[]): Promise<string> {
  const began = performance.now()
  for (;;) {
    answers.push(...(await invokeOnce(client)))
    const { LastUpdateStatus: status = '' } = await client.send(
      new GetFunctionConfigurationCommand({ FunctionName: NAME }),
    )
    if (status !== 'InProgress') return status
    if (performance.now() - began > SETTLE_LIMIT_MS) throw new Error('the update does not settle')
  }
}

/** A refusal is no answer: nothing ran. */
async function invokeOnce(client: LambdaClient): Promise<Answer[]> {
  try {
    const { Payload, FunctionError } = await client.send(new InvokeCommand({ FunctionName: NAME }))
    if (FunctionError !== undefined) return []
    return [JSON.parse(Buffer.from(Payload ?? []).toString('utf8')) as Answer]
  } catch {
    return []
  }
}
