import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

import type { Metrics } from '../operations/index.ts'
import { readInvocations, type InvocationReading } from './invocation-readings.ts'

/** Functions that have series of their own; those that come later share one, so that names cannot fill the memory. */
export const METRIC_FUNCTIONS_LIMIT = 1_000
/** No function is called so. */
export const OTHER_FUNCTIONS = '(other)'

/** From a millisecond to AWS's longest time-out. */
const DURATION_SECONDS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900,
]

/** The label of a function: its name, for the first METRIC_FUNCTIONS_LIMIT of them. */
export function functionLabels(limit = METRIC_FUNCTIONS_LIMIT): (name: string) => string {
  const known = new Set<string>()
  return (name) => {
    if (known.has(name)) return name
    if (known.size >= limit) return OTHER_FUNCTIONS
    known.add(name)
    return name
  }
}

interface FunctionMetrics extends Pick<
  Metrics,
  'attempt' | 'concurrencyUsed' | 'throttle' | 'logLinesDropped' | 'logBytesEvicted'
> {
  /** Of each function, since the service started. */
  invocations(): Promise<readonly InvocationReading[]>
}

/** AWS's metrics of invocations: the name is AWS's in snake case (SPEC A17). */
export function functionMetrics(
  registry: Registry,
  labelOf: (name: string) => string,
): FunctionMetrics {
  const registers = [registry]
  const counter = (name: string, help: string): Counter<'function'> =>
    new Counter({ name, help, labelNames: ['function'], registers })
  const invocations = counter('lacre_invocations_total', 'AWS: Invocations, those that ran')
  const errors = counter('lacre_errors_total', 'AWS: Errors')
  const throttles = counter('lacre_throttles_total', 'AWS: Throttles')
  const provisioned = counter(
    'lacre_provisioned_concurrency_invocations_total',
    'AWS: ProvisionedConcurrencyInvocations',
  )
  const spillover = counter(
    'lacre_provisioned_concurrency_spillover_invocations_total',
    'AWS: ProvisionedConcurrencySpilloverInvocations',
  )
  const duration = new Histogram({
    name: 'lacre_duration_seconds',
    help: 'AWS: Duration, without INIT',
    labelNames: ['function'],
    buckets: DURATION_SECONDS,
    registers,
  })
  const plain = { labelNames: [], registers }
  const dropped = new Counter({
    name: 'lacre_log_lines_dropped_total',
    help: 'Lines of functions that could not be written',
    ...plain,
  })
  const evicted = new Counter({
    name: 'lacre_log_evicted_bytes_total',
    help: 'Logs that went for newer ones',
    ...plain,
  })
  return {
    attempt: ({ functionName, outcome, durationMs }) => {
      const labels = { function: labelOf(functionName) }
      invocations.inc(labels)
      if (outcome !== 'success') errors.inc(labels)
      duration.observe(labels, durationMs / 1_000)
    },
    concurrencyUsed: (name, used) => {
      if (used === 'provisioned') provisioned.inc({ function: labelOf(name) })
      if (used === 'spillover') spillover.inc({ function: labelOf(name) })
    },
    throttle: (name) => throttles.inc({ function: labelOf(name) }),
    logLinesDropped: (count) => dropped.inc(count),
    logBytesEvicted: (bytes) => evicted.inc(bytes),
    invocations: () => readInvocations({ invocations, errors, throttles, duration }),
  }
}

export interface ProvisionedReading {
  readonly functionName: string
  readonly allocated: number
  /** Invocations that run on it, at most as many as are allocated. */
  readonly used: number
}

/** What runs now, read at each scrape. */
export interface RunningGauges {
  readonly inFlight: ReadonlyMap<string, number>
  /** Of each version that has provisioned concurrency. */
  readonly provisioned: readonly ProvisionedReading[]
  readonly environments: number
  readonly prewarmed: { readonly ready: number }
  readonly logBytes: number
}

export function runningGauges(
  registry: Registry,
  labelOf: (name: string) => string,
): (read: () => RunningGauges) => void {
  const registers = [registry]
  return (read) => {
    const running = new Gauge({
      name: 'lacre_concurrent_executions',
      help: 'AWS: ConcurrentExecutions',
      labelNames: ['function'],
      registers,
      collect: () => {
        running.reset()
        for (const [name, count] of read().inFlight) running.inc({ function: labelOf(name) }, count)
      },
    })
    provisionedGauges(registry, labelOf, () => read().provisioned)
    const environments: Gauge = new Gauge({
      name: 'lacre_environments',
      help: 'Execution environments that there are',
      registers,
      collect: () => environments.set(read().environments),
    })
    const prewarmed: Gauge = new Gauge({
      name: 'lacre_prewarmed_environments',
      help: 'Environments that wait for their code',
      registers,
      collect: () => prewarmed.set(read().prewarmed.ready),
    })
    const bytes: Gauge = new Gauge({
      name: 'lacre_log_bytes',
      help: 'Logs of functions on the disk',
      registers,
      collect: () => bytes.set(read().logBytes),
    })
  }
}

function provisionedGauges(
  registry: Registry,
  labelOf: (name: string) => string,
  read: () => readonly ProvisionedReading[],
): void {
  const registers = [registry]
  const labelNames = ['function'] as const
  const running = new Gauge({
    name: 'lacre_provisioned_concurrent_executions',
    help: 'AWS: ProvisionedConcurrentExecutions',
    labelNames,
    registers,
    collect: () => {
      running.reset()
      for (const { functionName, used } of read())
        running.inc({ function: labelOf(functionName) }, used)
    },
  })
  const utilization = new Gauge({
    name: 'lacre_provisioned_concurrency_utilization',
    help: 'AWS: ProvisionedConcurrencyUtilization, of all that a function has',
    labelNames,
    registers,
    collect: () => {
      utilization.reset()
      const sums = new Map<string, { used: number; allocated: number }>()
      for (const { functionName, used, allocated } of read()) {
        const label = labelOf(functionName)
        const sum = sums.get(label) ?? { used: 0, allocated: 0 }
        sums.set(label, { used: sum.used + used, allocated: sum.allocated + allocated })
      }
      for (const [label, { used, allocated }] of sums)
        if (allocated > 0) utilization.set({ function: label }, used / allocated)
    },
  })
}
