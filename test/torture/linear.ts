// Histories of concurrent clients, and whether each could have come of one call after the other.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { startService, type Service } from '../support/service.ts'
import { checkLinearizable, type Call } from './linear/checker.ts'
import { Memory } from './linear/load.ts'
import type { Answer, Operation } from './linear/calls.ts'
import { functionModel } from './linear/model.ts'
import { Codes, StrangeAnswer, perform } from './linear/wire.ts'
import { Seeded } from './seeded.ts'

/** Each history is of one function; so many run beside each other. */
const HISTORIES_AT_ONCE = 10
const CLIENTS = 3
const CALLS_OF_A_CLIENT = 8
/** A service is killed under every so manieth group of histories. */
const KILLED_GROUP = 6
const KILL_WITHIN_MS = 2_000
/** Between two calls of a client, at most. */
const PAUSE_MS = 40
const ARGS = ['--isolation', 'process']

type FunctionCall = Call<Operation, Answer>

interface History {
  readonly name: string
  readonly calls: FunctionCall[]
  readonly strange: string[]
  readonly memory: Memory
}

/** The service as its clients find it: there, or about to be there again. */
class Stage {
  service: Promise<Service>
  readonly data: string
  readonly codes = new Codes()
  /** Rises with every sending and every answer: one clock for all clients. */
  #instant = 0

  constructor(data: string) {
    this.data = data
    this.service = startService({ data, args: ARGS })
  }

  now(): number {
    this.#instant += 1
    return this.#instant
  }

  async killAndStart(): Promise<void> {
    const service = await this.service
    // Before it is dead, so that nobody asks the dead one.
    this.service = service.kill9().then(() => startService({ data: this.data, args: ARGS }))
    await this.service
  }
}

/** Answers how many histories are not linearizable. */
export async function torture({ n, seed }: { n: number; seed: number }): Promise<number> {
  const chance = new Seeded(seed)
  const stage = new Stage(mkdtempSync(join(tmpdir(), 'lacre-linear-')))
  const counts = new Map<string, number>()
  let failed = 0
  let killed = 0
  try {
    for (let from = 0; from < n; from += HISTORIES_AT_ONCE) {
      const names = Array.from(
        { length: Math.min(HISTORIES_AT_ONCE, n - from) },
        (_, index) => `linear-${from + index}`,
      )
      const isKilled = (from / HISTORIES_AT_ONCE) % KILLED_GROUP === KILLED_GROUP - 1
      const afterMs = chance.integer(50, KILL_WITHIN_MS)
      const running = names.map((name) => runHistory(stage, name, chance.integer(1, 1e9)))
      if (isKilled) {
        killed += 1
        await sleep(afterMs)
        await stage.killAndStart()
      }
      const histories = await Promise.all(running)
      for (const history of histories) if (!judge(history, { seed, counts })) failed += 1
    }
  } finally {
    const service = await stage.service
    if (service.ended === undefined) await service.stop()
    rmSync(stage.data, { recursive: true, force: true, maxRetries: 5 })
  }
  const said = [...counts].toSorted(([a], [b]) => (a < b ? -1 : 1))
  for (const [what, count] of said) console.log(`  ${what.padEnd(28)} ${count}`)
  console.log(`  ${'kills'.padEnd(28)} ${killed}`)
  console.log(`linear: ${n} done, ${failed} failed (seed ${seed})`)
  return failed
}

async function runHistory(stage: Stage, name: string, seed: number): Promise<History> {
  const history: History = { name, calls: [], strange: [], memory: new Memory(name) }
  const chances = Array.from({ length: CLIENTS }, (_, client) => new Seeded(seed + client))
  if (seed % 2 === 0) await runRaces(stage, history, chances)
  else await runFreely(stage, history, chances)
  // What all of it has come to.
  await call(stage, history, { kind: 'get' })
  await call(stage, history, { kind: 'list-versions' })
  await call(stage, history, { kind: 'list-aliases' })
  return history
}

/** Each client at its own pace. */
async function runFreely(
  stage: Stage,
  history: History,
  chances: readonly Seeded[],
): Promise<void> {
  const clients = chances.map(async (chance) => {
    for (let count = 0; count < CALLS_OF_A_CLIENT; count += 1) {
      await call(stage, history, history.memory.next(chance))
      await sleep(chance.integer(0, PAUSE_MS))
    }
  })
  await Promise.all(clients)
}

/** All clients at once, each with what it knew before the others asked: every second time for the same thing. */
async function runRaces(stage: Stage, history: History, chances: readonly Seeded[]): Promise<void> {
  for (let count = 0; count < CALLS_OF_A_CLIENT; count += 1) {
    const drawn = chances.map((chance) => history.memory.next(chance))
    const [first] = drawn
    const asked = count % 2 === 0 || first === undefined ? drawn : drawn.map(() => first)
    await Promise.all(asked.map((operation) => call(stage, history, operation)))
  }
}

/** Sends one call and keeps it with its answer; a read that got none says nothing. */
async function call(stage: Stage, history: History, operation: Operation): Promise<void> {
  const service = await stage.service
  const sentAt = stage.now()
  const { name, calls, strange, memory } = history
  try {
    const answer = await perform(service.admin, { name, operation, codes: stage.codes })
    calls.push({ operation, answer, sentAt, answeredAt: stage.now() })
    memory.note(operation, answer)
  } catch (error) {
    if (error instanceof StrangeAnswer) strange.push(error.message)
    else if (!(error instanceof TypeError)) throw error
    else if (!READS.has(operation.kind))
      calls.push({ operation, answer: undefined, sentAt, answeredAt: Infinity })
  }
}

const READS: ReadonlySet<Operation['kind']> = new Set<Operation['kind']>([
  'get',
  'invoke',
  'get-alias',
  'list-versions',
  'list-aliases',
])

/** Whether the history holds; where not, it is told and kept. */
function judge(
  history: History,
  { seed, counts }: { readonly seed: number; readonly counts: Map<string, number> },
): boolean {
  const { name, calls, strange } = history
  for (const { operation, answer } of calls) {
    const said = answer === undefined ? 'no answer' : wordOf(answer)
    const what = `${operation.kind}, ${said}`
    counts.set(what, (counts.get(what) ?? 0) + 1)
  }
  const found = checkLinearizable(calls, functionModel)
  if (found.kind === 'linearizable' && strange.length === 0) return true
  const file = join(tmpdir(), `lacre-linear-${seed}-${name}.json`)
  writeFileSync(
    file,
    JSON.stringify(
      calls.toSorted((a, b) => a.sentAt - b.sentAt),
      null,
      1,
    ),
  )
  console.log(
    `FAILED ${name}: ${strange.length > 0 ? 'strange answers' : found.kind}; kept as ${file}`,
  )
  for (const line of strange) console.log(`    ${line}`)
  if (found.kind !== 'not-linearizable') return false
  console.log(`    ${found.order.length} of ${calls.length} calls in an order, the last of them`)
  for (const one of found.order.slice(-4)) console.log(`      ${textOf(one)}`)
  console.log('    none of these can come next')
  for (const one of found.stuck) console.log(`      ${textOf(one)}`)
  return false
}

function wordOf(answer: Answer): string {
  return answer.kind === 'refused' ? answer.why : 'done'
}

function textOf({ operation, answer, sentAt, answeredAt }: FunctionCall): string {
  return `${sentAt}-${answeredAt} ${JSON.stringify(operation)} -> ${JSON.stringify(answer)}`
}
