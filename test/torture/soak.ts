// Half of what the service can do, for as long as is asked: nothing may grow, fail, or become slower.
import { setTimeout as sleep } from 'node:timers/promises'

import { quantile } from '../bench/statistics.ts'
import { Service } from '../support/service.ts'
import { Load, STREAMS, type Answered, type Stream } from './soak/load.ts'
import { Watch, type Held } from './soak/watch.ts'
import { Seeded } from './seeded.ts'

/** How many at once measure what can be done. */
const WORKERS: Readonly<Record<Stream, number>> = { invoke: 8, deploy: 1, audit: 1 }
const MEASURE_MS = 10_000
const LOAD_SHARE = 0.5
/** Before anything is judged: caches, pools and V8's heap have found their size. */
const WARM_UP_SHARE = 0.25
const WARM_UP_LIMIT_MS = 10 * 60_000
/** From here on the goals of a long run hold; before, only what cannot be noise is judged. */
const LONG_RUN_S = 3_600
const LONG = { growth: 0.05, slowdown: 1.2, slackMs: 0, descriptors: 4 } as const
const SHORT = { growth: 0.2, slowdown: 3, slackMs: 250, descriptors: 16 } as const
const MIB = 1_048_576

/** Answers how much of what has to hold did not. */
export async function torture(options: {
  readonly seed: number
  readonly seconds: number | undefined
}): Promise<number> {
  const { seed, seconds = 120 } = options
  await using service = new Service()
  await service.ready()
  const load = new Load(service.admin, new Seeded(seed))
  await load.prepare()
  const capacity = await measure(load)
  for (const stream of STREAMS)
    console.log(`  capacity, ${stream.padEnd(8)} ${capacity[stream].toFixed(1)}/s, taken at half`)
  load.answered.length = 0
  const began = performance.now()
  const warmUpMs = Math.min(seconds * 1_000 * WARM_UP_SHARE, WARM_UP_LIMIT_MS)
  const watch = new Watch(service.pid)
  await Promise.all(STREAMS.map((stream) => keepUp(load, stream, { capacity, began, seconds })))
  const held = watch.stop()
  const judged = held.slice(Math.floor((held.length * warmUpMs) / (seconds * 1_000)))
  const warm = load.answered.filter(({ atMs }) => atMs >= began + warmUpMs)
  const wrong = judge({ held: judged, answered: warm, failures: load.wrong, seconds })
  if (service.ended !== undefined) wrong.push('the service ended')
  for (const line of wrong) console.log(`FAILED: ${line}`)
  console.log(`soak: ${load.answered.length} done, ${wrong.length} failed (seed ${seed})`)
  return wrong.length
}

type Rates = Readonly<Record<Stream, number>>

/** What all three streams do a second beside each other, each as fast as it can; the clients' own work is in it. */
async function measure(load: Load): Promise<Rates> {
  const until = performance.now() + MEASURE_MS
  const work = STREAMS.flatMap((stream) =>
    Array.from({ length: WORKERS[stream] }, async () => {
      while (performance.now() < until) await load.once(stream, performance.now())
    }),
  )
  await Promise.all(work)
  const rate = (stream: Stream): number =>
    (load.answered.filter((one) => one.stream === stream).length * 1_000) / MEASURE_MS
  return { invoke: rate('invoke'), deploy: rate('deploy'), audit: rate('audit') }
}

/** An open loop: each is sent when it is due, whatever became of those before, and its time counts from then. */
async function keepUp(
  load: Load,
  stream: Stream,
  by: { readonly capacity: Rates; readonly began: number; readonly seconds: number },
): Promise<void> {
  const everyMs = 1_000 / (by.capacity[stream] * LOAD_SHARE)
  const end = by.began + by.seconds * 1_000
  const open = new Set<Promise<void>>()
  for (let dueMs = by.began + everyMs; dueMs < end; dueMs += everyMs) {
    await sleep(Math.max(0, dueMs - performance.now()))
    const one = load.once(stream, dueMs).finally(() => open.delete(one))
    open.add(one)
    // Deployments go one after the other; the next one is late then, and shows it.
    if (stream === 'deploy') await one
  }
  await Promise.all(open)
}

function judge(of: {
  readonly held: readonly Held[]
  readonly answered: readonly Answered[]
  readonly failures: ReadonlyMap<string, number>
  readonly seconds: number
}): string[] {
  const limits = of.seconds >= LONG_RUN_S ? LONG : SHORT
  return [
    ...[...of.failures].map(([what, count]) => `${count} times ${what}`),
    ...wrongInMemory(of.held, limits),
    ...wrongInDescriptors(of.held, limits),
    ...STREAMS.flatMap((stream) => wrongInTime(of.answered, stream, limits)),
  ]
}

type Limits = typeof LONG | typeof SHORT

/**
 * By the lowest of each part: what garbage collection leaves. In minutes a heap may still be finding its size, so that the
 * slope is told and only growth that no heap has is judged.
 */
function wrongInMemory(held: readonly Held[], { growth }: Limits): string[] {
  const rss = held.map(({ rssBytes }) => rssBytes)
  const { first, last } = quarters(rss)
  const [before, after] = [quantile(first, 0.1), quantile(last, 0.1)]
  const grown = after / before - 1
  const minutes = (rss.length * 0.75) / 60
  const slope = (after - before) / MIB / minutes
  console.log(
    `  memory after warm-up ${mib(before)}, at the end ${mib(after)}: ${percent(grown)}, ${slope.toFixed(2)} MiB a minute (limit here ${percent(growth)})`,
  )
  return grown > growth ? [`memory grew by ${percent(grown)}`] : []
}

function wrongInDescriptors(held: readonly Held[], { descriptors }: Limits): string[] {
  const { first, last } = quarters(held.map((one) => one.descriptors))
  const [before, after] = [quantile(first, 0.5), quantile(last, 0.5)]
  console.log(`  descriptors after warm-up ${before}, at the end ${after}`)
  return after > before + descriptors ? [`descriptors went from ${before} to ${after}`] : []
}

function wrongInTime(
  answered: readonly Answered[],
  stream: Stream,
  { slowdown, slackMs }: Limits,
): string[] {
  const times = answered.filter((one) => one.stream === stream).map(({ tookMs }) => tookMs)
  if (times.length === 0) return [`no ${stream} was answered`]
  const { first, last } = quarters(times)
  const [before, after] = [quantile(first, 0.99), quantile(last, 0.99)]
  console.log(
    `  ${stream.padEnd(8)} ${times.length} answered, p50 ${quantile(times, 0.5).toFixed(1)} ms, p99 first ${before.toFixed(1)} ms, last ${after.toFixed(1)} ms`,
  )
  return after > before * slowdown + slackMs
    ? [`${stream}: p99 went from ${before.toFixed(0)} to ${after.toFixed(0)} ms`]
    : []
}

/** The first and the last quarter of what was seen, in its order. */
function quarters(values: readonly number[]) {
  const length = Math.max(1, Math.floor(values.length / 4))
  return { first: values.slice(0, length), last: values.slice(-length) }
}

function mib(bytes: number): string {
  return `${(bytes / MIB).toFixed(1)} MiB`
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}
