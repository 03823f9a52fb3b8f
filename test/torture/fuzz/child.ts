// One target, in a process that may die of it.
import { openSync, writeSync } from 'node:fs'

import { Seeded } from '../seeded.ts'
import { Coverage } from './coverage.ts'
import { minimise } from './minimise.ts'
import { IN_HAND_HEAD_BYTES, TIME_LIMIT_MS, type Job, type Report } from './protocol.ts'
import type { Target } from './target.ts'
import { targets } from './targets.ts'

/** Blocks are counted over so many inputs, and over more of them as news grow rare. */
const BATCH = 64
const BATCH_LIMIT = 4_096
const POOL_LIMIT = 4_000
/** What a process does once (load, compile, optimise) no input is to blame for: so often the first is tried unmeasured. */
const WARM_UPS = 3
/** More of the same kind are not told of. */
const KINDS_LIMIT = 20

class Fuzzer {
  readonly #target: Target
  readonly #job: Job
  readonly #chance: Seeded
  readonly #coverage = new Coverage()
  readonly #outcomes = new Set<string>()
  readonly #kinds = new Set<string>()
  readonly #inHand: number
  #began = 0
  #pool: Buffer[] = []
  #done = 0

  constructor(target: Target, job: Job) {
    this.#target = target
    this.#job = job
    this.#chance = new Seeded(job.seed)
    this.#inHand = openSync(job.inHand, 'w')
  }

  async run(): Promise<void> {
    const seeds = await this.#target.seeds(this.#job.vectors)
    for (const seed of seeds.slice(0, 1))
      for (let left = WARM_UPS; left > 0; left -= 1) await attempt(this.#target, seed)
    for (const seed of seeds) await this.#try(seed)
    this.#coverage.learn(this.#coverage.fresh())
    this.#pool = [...seeds]
    // Whatever the seeds took: a slow machine tries mutants too.
    this.#began = performance.now()
    let size = BATCH
    while (!this.#isOver()) {
      const news = await this.#batch(Math.min(size, this.#job.n - this.#done))
      size = news ? BATCH : Math.min(size * 2, BATCH_LIMIT)
      send({ kind: 'progress', done: this.#done })
    }
    send({
      kind: 'done',
      done: this.#done,
      inputs: this.#pool.length,
      outcomes: this.#outcomes.size,
      blocks: this.#coverage.size,
    })
    this.#coverage[Symbol.dispose]()
  }

  #isOver(): boolean {
    const { n, seconds } = this.#job
    const late = seconds !== undefined && performance.now() - this.#began > seconds * 1_000
    return late || this.#done >= n || this.#kinds.size >= KINDS_LIMIT
  }

  /** Whether anything new was seen. */
  async #batch(size: number): Promise<boolean> {
    const tried: Buffer[] = []
    let news = false
    for (let left = size; left > 0; left -= 1) {
      const input = this.#target.mutate(this.#chance.pick(this.#pool), this.#chance, this.#pool)
      this.#done += 1
      tried.push(input)
      const said = await this.#try(input)
      if (said === undefined || this.#outcomes.has(said)) continue
      this.#outcomes.add(said)
      this.#keep(input)
      news = true
    }
    const blocks = this.#coverage.fresh()
    if (blocks.size === 0) return news
    await this.#findWho(tried, blocks)
    return true
  }

  /** Goes through the inputs once more, halving, for those that made new blocks run. */
  async #findWho(inputs: readonly Buffer[], blocks: Set<string>): Promise<void> {
    if (inputs.length <= 1) {
      for (const input of inputs) this.#keep(input)
      this.#coverage.learn(blocks)
      return
    }
    const half = Math.ceil(inputs.length / 2)
    for (const part of [inputs.slice(0, half), inputs.slice(half)]) {
      this.#coverage.fresh()
      for (const input of part) await this.#try(input)
      const found = new Set([...this.#coverage.fresh()].filter((block) => blocks.has(block)))
      if (found.size === 0) continue
      await this.#findWho(part, found)
      for (const block of found) blocks.delete(block)
    }
    // What ran once and not again: state of the engine, or of what is remembered.
    this.#coverage.learn(blocks)
  }

  #keep(input: Buffer): void {
    if (this.#pool.length < POOL_LIMIT) this.#pool.push(input)
    else this.#pool[this.#chance.integer(0, this.#pool.length - 1)] = input
  }

  /** What came of it; a failure is told, once for each kind. */
  async #try(input: Buffer): Promise<string | undefined> {
    this.#hold(input)
    const { said, fault } = await attempt(this.#target, input)
    if (fault === undefined) return said
    if (this.#kinds.has(fault)) return undefined
    this.#kinds.add(fault)
    const least = await minimise(input, async (candidate) => {
      this.#hold(candidate)
      return (await attempt(this.#target, candidate)).fault === fault
    })
    send({ kind: 'failure', failure: { what: fault, input: least.toString('base64') } })
    return undefined
  }

  #hold(input: Buffer): void {
    const head = Buffer.alloc(IN_HAND_HEAD_BYTES)
    this.#held = (this.#held + 1) >>> 0
    head.writeUInt32LE(this.#held, 0)
    head.writeUInt32LE(input.length, 4)
    writeSync(this.#inHand, Buffer.concat([head, input]), 0, head.length + input.length, 0)
  }
  #held = 0
}

/** What came of it, or what must not have: an error that is not ours, or more than its time of the processor. */
async function attempt(
  target: Target,
  input: Buffer,
): Promise<{ readonly said?: string; readonly fault?: string }> {
  const began = process.cpuUsage()
  try {
    const said = await target.run(input)
    const { user, system } = process.cpuUsage(began)
    const tookMs = (user + system) / 1_000
    return tookMs > TIME_LIMIT_MS ? { fault: 'takes longer than it may' } : { said }
  } catch (error) {
    return { fault: kindOf(error) }
  }
}

/** Errors of one kind come from one place. */
function kindOf(error: unknown): string {
  if (!(error instanceof Error)) return `a thrown ${typeof error}`
  const frame = /\(?(?:file:\/\/)?[^\s(]*\/((?:services|node_modules|test)\/[^)\s]+)/.exec(
    error.stack ?? '',
  )
  const text = error.message.replace(/\d+/g, '*').slice(0, 160)
  return `${error.name}: ${text} (${frame?.[1] ?? 'nowhere'})`
}

function send(report: Report): void {
  process.send?.(report)
}

const job = JSON.parse(process.argv[2] ?? '{}') as Job
const target = targets[job.target]
if (target === undefined) throw new Error(`there is no target ${job.target}`)
process.on('uncaughtException', (error) => {
  console.error(error)
  process.exit(70)
})
await new Fuzzer(target, job).run()
process.disconnect()
