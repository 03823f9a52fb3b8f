// Twice and five times what the service can do, by one caller, while another asks for little: what is beyond is refused as
// AWS refuses it, what is taken in is done as fast as ever, and all is as before when it is over.
import { setTimeout as sleep } from 'node:timers/promises'

import { Service } from '../support/service.ts'
import { describe, judge, isNormal, paceOf, type Pace, type Slice } from './overload/judge.ts'
import { ENVIRONMENTS, Scene } from './overload/scene.ts'
import { Battery, type Volley } from './overload/volley.ts'
import { Seeded } from './seeded.ts'
import { Watch } from './soak/watch.ts'

const FACTORS = [2, 5] as const
/** Capacity and overload take turns, so that what else the machine does meets both. */
const SLICES = 3
/** What the quiet caller asks for, as a share of capacity: less than his half. */
const QUIET_SHARE = 0.2
/** Clients that measure capacity: as many as are served at once, so that nobody waits. */
const CLIENTS = ENVIRONMENTS
const WARM_UP_S = 3
const MEASURE_S = 4
const RECOVERY_LIMIT_MS = 30_000
/** A figure that was missed is measured anew: another program's moment is not ours. What was answered wrongly stays wrong. */
const ATTEMPTS = 3
const PROBE_EVERY_MS = 500

/** Answers how much of what has to hold did not. */
export async function torture(options: {
  readonly n: number
  readonly seed: number
  readonly seconds: number | undefined
}): Promise<number> {
  const { n, seed, seconds = 60 } = options
  await using service = new Service({ args: ['--max-environments', String(ENVIRONMENTS)] })
  await service.ready()
  const scene = new Scene(service, new Seeded(seed))
  await scene.prepare()
  await using battery = new Battery()
  const stage: Stage = { service, scene, battery, done: 0, wrong: [] }
  await measure(stage, WARM_UP_S)
  for (let round = 0; round < n; round += 1)
    for (const factor of FACTORS) await overload(stage, factor, seconds / FACTORS.length / SLICES)
  if (service.ended !== undefined) stage.wrong.push('the service ended')
  for (const line of stage.wrong) console.log(`FAILED: ${line}`)
  console.log(`overload: ${stage.done} done, ${stage.wrong.length} failed (seed ${seed})`)
  return stage.wrong.length
}

interface Stage {
  readonly service: Service
  readonly scene: Scene
  readonly battery: Battery
  done: number
  readonly wrong: string[]
}

/** What has to be answered whatever else is asked is asked all the time, so that it costs every measure the same. */
async function fire(stage: Stage, seconds: number, volleys: readonly Volley[]) {
  const over = new AbortController()
  const probing = probe(stage, over.signal)
  const all = await stage.battery.fire({ port: stage.scene.port, seconds, volleys })
  over.abort()
  await probing
  for (const answers of all) stage.done += answers.length
  return all
}

/** Capacity: as many clients as are served at once, each with its next as soon as it has its answer. */
async function measure(stage: Stage, seconds: number): Promise<Pace> {
  const requests = await stage.scene.invocations('greedy')
  const [answers = []] = await fire(stage, seconds, [{ requests, load: { clients: CLIENTS } }])
  return paceOf(answers, seconds)
}

async function overload(stage: Stage, factor: number, seconds: number): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const slices = await takeSlices(stage, factor, seconds)
    console.log(describe(factor, slices))
    const { faults, missed } = judge(factor, slices, RECOVERY_LIMIT_MS)
    if (missed.length > 0 && faults.length === 0 && attempt < ATTEMPTS) continue
    stage.wrong.push(...[...faults, ...missed].map((line) => `${factor} times capacity: ${line}`))
    return
  }
}

/** One caller offers a multiple of capacity, one a little; capacity is measured on both sides of it. */
async function takeSlices(stage: Stage, factor: number, seconds: number): Promise<Slice[]> {
  const slices: Slice[] = []
  let before = await measure(stage, MEASURE_S)
  for (let at = 0; at < SLICES; at += 1) {
    const offered = await offer(stage, seconds, { capacity: before.rate, factor })
    const endedMs = performance.now()
    let after = await measure(stage, MEASURE_S)
    while (!isNormal(after, before) && performance.now() - endedMs < RECOVERY_LIMIT_MS)
      after = await measure(stage, MEASURE_S)
    // From the end of the overload to the beginning of the first measure that is as before.
    const recoveredMs = performance.now() - endedMs - MEASURE_S * 1_000
    slices.push({ ...offered, seconds, before, after, recoveredMs })
    before = after
  }
  return slices
}

interface Offer {
  /** Requests a second. */
  readonly capacity: number
  readonly factor: number
}

async function offer(stage: Stage, seconds: number, { capacity, factor }: Offer) {
  const { scene, service } = stage
  const volleys = [
    { requests: await scene.invocations('greedy'), load: { rate: capacity * factor } },
    { requests: await scene.invocations('quiet'), load: { rate: capacity * QUIET_SHARE } },
  ]
  const watch = new Watch(service.pid)
  const [greedy = [], quiet = []] = await fire(stage, seconds, volleys)
  return { greedy, quiet, rss: watch.stop().map(({ rssBytes }) => rssBytes) }
}

/** How the service is, and what takes something out of use. */
async function probe(stage: Stage, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    for (const name of ['health', 'leave'] as const) {
      const status = await stage.scene[name]().catch(() => 0)
      stage.done += 1
      if (status !== 200) stage.wrong.push(`${name} was answered ${status}`)
    }
    await sleep(PROBE_EVERY_MS)
  }
}
