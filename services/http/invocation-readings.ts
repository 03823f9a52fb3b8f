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
export async function readInvocations(
  invocations: Counter<'function' | 'outcome'>,
  seconds: Histogram<'function'>,
): Promise<InvocationReading[]> {
  const outcomes = new Map<string, Record<string, number>>()
  for (const { labels, value } of (await invocations.get()).values) {
    const name = String(labels.function)
    outcomes.set(name, { ...outcomes.get(name), [String(labels.outcome)]: value })
  }
  const durations = new Map<string, Duration>()
  for (const { labels, value, metricName } of (await seconds.get()).values) {
    const name = String(labels.function)
    const found = durations.get(name) ?? { buckets: [], sum: 0, count: 0 }
    durations.set(name, found)
    if (metricName?.endsWith('_sum') === true) found.sum = value
    else if (metricName?.endsWith('_count') === true) found.count = value
    else found.buckets.push([Number((labels as { readonly le?: number | string }).le), value])
  }
  return [...outcomes.keys()].toSorted().map((functionName) => ({
    functionName,
    outcomes: outcomes.get(functionName) ?? {},
    ...describe(durations.get(functionName)),
  }))
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
