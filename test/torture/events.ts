import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import {
  InvokeCommand,
  PutFunctionEventInvokeConfigCommand,
  type LambdaClient,
} from '@aws-sdk/client-lambda'

import { openReader } from '../../services/store/index.ts'
import { createActive } from '../support/functions.ts'
import { zipOf } from '../support/packages.ts'
import { startService, type Service } from '../support/service.ts'
import { Seeded } from './seeded.ts'

/** RELIABILITY, row 10: so many events for each kill. */
const EVENTS_FOR_A_KILL = 1_000
const CLIENTS = 8
const FUNCTIONS = ['worker-0', 'worker-1', 'worker-2'] as const
const SUCCESSES = 'arn:aws:sqs:us-east-1:000000000000:torture-successes'
const FAILURES = 'arn:aws:sqs:us-east-1:000000000000:torture-failures'
/** A minute becomes 60 ms. */
const DELAY_SCALE = '0.001'
const ARGS = ['--isolation', 'process', '--event-delay-scale', DELAY_SCALE]
const DRAIN_LIMIT_MS = 600_000
/** One in so many events fails for good, and one at its first try. */
const FAILING = 20

/** Appends the id of every invocation to a file: what ran, whatever became of the service. */
const CODE = `
const { appendFileSync } = require('node:fs')
exports.handler = async (event, context) => {
  appendFileSync(event.file, context.awsRequestId + '\\n')
  if (event.fail === 'always') throw new Error('told to')
  if (event.fail === 'once') {
    const tries = /ApproximateInvokeCount=(\\d+)/.exec(process.env._X_AMZN_TRACE_ID)
    if (tries?.[1] === '1') throw new Error('told to')
  }
  return { number: event.number }
}
`

interface Sent {
  readonly number: number
  readonly fail: 'never' | 'once' | 'always'
}

/** What is known of the load, outside of the service. */
class Load {
  /** By request id: what was acknowledged. */
  readonly acknowledged = new Map<string, Sent>()
  /** Held by the service when it was killed, and how often. */
  readonly inFlight = new Map<string, number>()
  readonly ledgerFile: string
  #next = 0
  readonly #total: number
  readonly #chance: Seeded

  constructor(total: number, chance: Seeded, dir: string) {
    this.#total = total
    this.#chance = chance
    this.ledgerFile = join(dir, 'ran')
    writeFileSync(this.ledgerFile, '')
    // Whatever user a function runs as.
    chmodSync(dir, 0o777)
    chmodSync(this.ledgerFile, 0o666)
  }

  get finished(): boolean {
    return this.acknowledged.size >= this.#total
  }

  /** Sends until all are acknowledged or the service is gone; an event that got no answer is not counted on. */
  async send(client: LambdaClient): Promise<void> {
    while (!this.finished) {
      const number = this.#next
      this.#next += 1
      const draw = this.#chance.integer(1, FAILING)
      const fail = draw === 1 ? 'always' : draw === 2 ? 'once' : 'never'
      const payload = JSON.stringify({ number, fail, file: this.ledgerFile })
      try {
        const answer = await client.send(
          new InvokeCommand({
            FunctionName: this.#chance.pick(FUNCTIONS),
            InvocationType: 'Event',
            Payload: Buffer.from(payload),
          }),
        )
        const id = answer.$metadata.requestId
        if (answer.StatusCode !== 202 || id === undefined)
          throw new Error(`acknowledged with ${answer.StatusCode} and id ${id}`)
        this.acknowledged.set(id, { number, fail })
      } catch (error) {
        if (isGone(error)) return
        throw error
      }
    }
  }
}

function isGone(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return ['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ERR_SOCKET_CLOSED'].includes(code)
}

/**
 * So many events and a `kill -9` for every thousand of them, ten at most apart from what is asked for; answers how many
 * events did not end as they must.
 */
export async function torture(options: { n: number; seed: number }): Promise<number> {
  const { n, seed } = options
  const kills = Math.max(1, Math.round(n / EVENTS_FOR_A_KILL))
  const chance = new Seeded(seed)
  const dir = mkdtempSync(join(tmpdir(), 'lacre-events-'))
  const data = join(dir, 'data')
  const shared = join(dir, 'shared')
  chmodSync(dir, 0o755)
  for (const path of [data, shared]) mkdirSync(path)
  console.log(`events: ${n}, ${kills} kills, seed ${seed}`)
  let failed = n
  let service = await startService({ data, args: ARGS })
  try {
    await makeFunctions(service)
    const load = new Load(n, chance, shared)
    for (let kill = 1; kill <= kills; kill += 1) {
      const goal = Math.round((n * kill) / (kills + 1)) + chance.integer(-20, 20)
      await killWhenSent(service, load, { goal, lingerMs: chance.integer(0, 40) })
      const held = await noteInFlight(data, load)
      service = await startService({ data, args: ARGS })
      const ready = Math.round(await service.ready())
      console.log(
        `  ${kill}/${kills} killed: ${load.acknowledged.size} acknowledged, ${held} in flight, ready in ${ready} ms`,
      )
    }
    await sendAll(service, load)
    await drained(service)
    const wrong = await judge(service, load)
    failed = wrong.length
    for (const line of wrong.slice(0, 20)) console.log(`    ${line}`)
    console.log(
      `events: ${n} done, ${failed} failed (seed ${seed}; replay: npm run torture -- events --n ${n} --seed ${seed})`,
    )
  } finally {
    if (service.ended === undefined) await service.stop()
    if (failed === 0) rmSync(dir, { recursive: true, force: true, maxRetries: 5 })
    else console.log(`events: the data directory is kept at ${dir}`)
  }
  return failed
}

async function makeFunctions(service: Service): Promise<void> {
  const client = service.client()
  for (const FunctionName of FUNCTIONS) {
    await createActive(client, FunctionName, { Code: { ZipFile: zipOf({ 'index.js': CODE }) } })
    await client.send(
      new PutFunctionEventInvokeConfigCommand({
        FunctionName,
        DestinationConfig: {
          OnSuccess: { Destination: SUCCESSES },
          OnFailure: { Destination: FAILURES },
        },
      }),
    )
  }
  client.destroy()
}

/** The whole load, and death a moment after so many were acknowledged. */
async function killWhenSent(
  service: Service,
  load: Load,
  when: { readonly goal: number; readonly lingerMs: number },
): Promise<void> {
  const clients = Array.from({ length: CLIENTS }, () => service.client())
  const sending = Promise.all(clients.map((client) => load.send(client)))
  while (load.acknowledged.size < when.goal && !load.finished) await sleep(2)
  await sleep(when.lingerMs)
  await service.kill9()
  await sending
  for (const client of clients) client.destroy()
}

async function sendAll(service: Service, load: Load): Promise<void> {
  const clients = Array.from({ length: CLIENTS }, () => service.client())
  await Promise.all(clients.map((client) => load.send(client)))
  for (const client of clients) client.destroy()
}

/** What the dead process held: these, and no others, may run once more than they must. */
async function noteInFlight(data: string, load: Load): Promise<number> {
  await using reader = openReader(join(data, 'events.db'))
  const rows = await reader.selectFrom('event').select('id').where('state', '=', 'leased').execute()
  for (const { id } of rows) load.inFlight.set(id, (load.inFlight.get(id) ?? 0) + 1)
  return rows.length
}

/** Until nothing waits and nothing runs. */
async function drained(service: Service): Promise<void> {
  const until = performance.now() + DRAIN_LIMIT_MS
  while (performance.now() < until) {
    await using reader = openReader(join(service.data, 'events.db'))
    const row = await reader
      .selectFrom('event')
      .select((select) => select.fn.countAll().as('count'))
      .where('state', '<>', 'dead')
      .executeTakeFirstOrThrow()
    if (Number(row.count) === 0) return
    await sleep(100)
  }
  throw new Error('the queue was not worked off in time')
}

interface Told {
  readonly successes: ReadonlyMap<string, number>
  readonly failures: ReadonlyMap<string, number>
}

/** Every acknowledged event has one end, at the right destination, and ran as often as it had to. */
async function judge(service: Service, load: Load): Promise<string[]> {
  await using reader = openReader(join(service.data, 'events.db'))
  const messages = await reader
    .selectFrom('queue_message')
    .select(['queue', 'request_id'])
    .execute()
  const of = (queue: string) =>
    counted(messages.filter((one) => one.queue === queue).map((one) => one.request_id))
  const told: Told = { successes: of(SUCCESSES), failures: of(FAILURES) }
  const ran = counted(readFileSync(load.ledgerFile, 'utf8').split('\n').filter(Boolean))
  let again = 0
  const wrong: string[] = []
  for (const [id, sent] of load.acknowledged) {
    const runs = ran.get(id) ?? 0
    const least = sent.fail === 'always' ? 3 : sent.fail === 'once' ? 2 : 1
    const most = least + (load.inFlight.get(id) ?? 0)
    if (runs > least) again += 1
    const good = sent.fail === 'always' ? told.failures : told.successes
    const bad = sent.fail === 'always' ? told.successes : told.failures
    const ends = [good.get(id) ?? 0, bad.get(id) ?? 0]
    const ranWell = runs >= minimumOf(sent, load.inFlight.get(id) ?? 0) && runs <= most
    if (ends[0] !== 1 || ends[1] !== 0 || !ranWell)
      wrong.push(`${id} (${sent.fail}): ran ${runs} times, told ${ends[0]} + ${ends[1]} times`)
  }
  console.log(
    `  ${load.acknowledged.size} acknowledged: ${told.successes.size} successes and ${told.failures.size} failures told, ${again} ran again of ${load.inFlight.size} that were in flight at a kill`,
  )
  return wrong
}

/** A kill before the function wrote takes a try away from one that fails once: the next is told to be the second. */
function minimumOf(sent: Sent, killed: number): number {
  if (sent.fail === 'once') return Math.max(1, 2 - killed)
  return sent.fail === 'always' ? 3 : 1
}

function counted(ids: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1)
  return counts
}
