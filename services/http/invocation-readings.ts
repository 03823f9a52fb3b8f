import type { Counter, Histogram } from 'prom-client'

/** What became of one function's invocations. */
export interface InvocationReading {
  readonly functionName: string
  /** Calls by outcome. */
  readonly outcomes: Readonly<Record<string, number>>
  readonly meanMs: number | null
  /** Upper ends of the buckets that half and 95 in a hundred calls lie within; `null` beyond the last, or without calls. */
  readonly p50Ms: number | null
  readonly p95Ms: number | null
}

/** Read from the metrics themselves, so that people see what machines see. In order of names. */
export async function readInvocations(from: {
  /** Those that ran. */
  readonly invocations: Counter<'function'>
  /** Of those, the ones that failed. */
  readonly errors: Counter<'function'>
  readonly throttles: Counter<'function'>
  readonly duration: Histogram<'function'>
}): Promise<InvocationReading[]> {
  const ran = await byFunction(from.invocations)
  const failed = await byFunction(from.errors)
  const throttled = await byFunction(from.throttles)
  const outcomesOf = (name: string): Record<string, number> => {
    const [all, error, throttle] = [ran, failed, throttled].map((counts) => counts.get(name) ?? 0)
    return { success: (all ?? 0) - (error ?? 0), error: error ?? 0, throttle: throttle ?? 0 }
  }
  const durations = new Map<string, Duration>()
  for (const { labels, value, metricName } of (await from.duration.get()).values) {
    const name = String(labels.function)
    const found = durations.get(name) ?? { buckets: [], sum: 0, count: 0 }
    durations.set(name, found)
    if (metricName?.endsWith('_sum') === true) found.sum = value
    else if (metricName?.endsWith('_count') === true) found.count = value
    else found.buckets.push([Number((labels as { readonly le?: number | string }).le), value])
  }
  const names = new Set([...ran.keys(), ...throttled.keys()])
  return [...names].toSorted().map((functionName) => ({
    functionName,
    outcomes: outcomesOf(functionName),
    ...describe(durations.get(functionName)),
  }))
}

async function byFunction(counter: Counter<'function'>): Promise<ReadonlyMap<string, number>> {
  const { values } = await counter.get()
  return new Map(values.map(({ labels, value }) => [String(labels.function), value]))
}

interface Duration {
  /** Upper end in seconds, and the calls within it. */
  readonly buckets: [end: number, count: number][]
  sum: number
  count: number
}

function describe(
  duration: Duration | undefined,
): Pick<InvocationReading, 'meanMs' | 'p50Ms' | 'p95Ms'> {
  if (duration === undefined || duration.count === 0)
    return { meanMs: null, p50Ms: null, p95Ms: null }
  const { sum, count, buckets } = duration
  const within = (share: number): number | null => {
    const end = buckets.find(([, calls]) => calls >= share * count)?.[0]
    return end === undefined || !Number.isFinite(end) ? null : end * 1_000
  }
  return { meanMs: (sum / count) * 1_000, p50Ms: within(0.5), p95Ms: within(0.95) }
}
