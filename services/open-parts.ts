import { Witnesses, openAudit, type AuditTrail } from './audit/index.ts'
import { dataPaths, type Config } from './config.ts'
import { openEvents, type Events } from './events/index.ts'
import type { HttpMetrics } from './http/index.ts'
import { Logs, Metering } from './logs/index.ts'
import type { Clock, Random } from './model/index.ts'
import { askWitness, type Deps, type Log } from './operations/index.ts'
import { openRuntime, type Runtime } from './runtime/index.ts'
import { addressRules, Dialer, egressRules } from './sources/index.ts'
import { Webhooks, type Outbox, type WebhooksOptions } from './webhooks/index.ts'

/** What differs between a service and a test of it. */
export interface Surroundings {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

export async function openEventQueue(
  config: Config,
  { clock, random, log }: Surroundings,
  metrics: HttpMetrics,
): Promise<Events> {
  return await openEvents({
    path: dataPaths(config.dataDir).events,
    clock,
    random,
    log,
    place: config.place,
    metrics,
    // Whoever waits for his answer has the other half.
    concurrency: Math.max(1, Math.floor(config.maxEnvironments / 2)),
    delayScale: config.eventDelayScale,
    webhooks: config.eventWebhooks,
  })
}

/** What functions wrote. */
export async function openLogs(
  { dataDir, kept }: Config,
  { clock, log }: Surroundings,
  metrics: HttpMetrics,
): Promise<Logs> {
  const dir = dataPaths(dataDir).logs
  return await Logs.open({ dir, clock, log, metrics, limitBytes: kept.logsBytes })
}

export function openMetering({ dataDir, kept }: Config, { log }: Surroundings): Metering {
  return new Metering({ dir: dataPaths(dataDir).metering, log, limitBytes: kept.meteringBytes })
}

/** What runs functions, and where it says what they wrote and what each attempt came to. */
export async function openFunctionRuntime(
  config: Config,
  { clock, log, random }: Surroundings,
  parts: Pick<Deps, 'blobs'> & {
    readonly logs: Logs
    readonly metering: Metering
    readonly metrics: HttpMetrics
    readonly tracer: Deps['tracer']
  },
): Promise<Runtime> {
  const { dataDir, place, isolation, requireIsolation, maxEnvironments, prewarmed, runtimes } =
    config
  const { blobs, logs, metering, metrics, tracer } = parts
  const egress = config.egress && new Dialer(egressRules(config.egress.networks))
  return await openRuntime({
    dataDir,
    blobs,
    clock,
    random,
    isolation,
    requireIsolation,
    place,
    maxEnvironments,
    prewarmed,
    substitute: runtimes.substitute,
    runtimesDir: runtimes.dir,
    egress,
    log,
    logs,
    tracer,
    onAttempt: (record) => {
      metering.record(record)
      metrics.attempt(record)
    },
    onConcurrencyUsed: (name, used) => metrics.concurrencyUsed(name, used),
  })
}

export function openWebhooks(
  config: Config,
  parts: Omit<WebhooksOptions, 'reachable' | 'metrics'> & { readonly metrics: HttpMetrics },
): Webhooks {
  const webhooks = new Webhooks({ ...parts, reachable: addressRules(config.allowedSources) })
  parts.metrics.watchOutbox(() => webhooks.gauges())
  return webhooks
}

export async function openLedger(
  { dataDir, checkpointDir, place }: Config,
  { clock, log, random }: Surroundings,
  parts: Pick<Deps, 'store' | 'keys'> & { readonly outbox: Outbox },
): Promise<AuditTrail> {
  const origin = `lacre/${place.account}/${place.region}/${random.uuid()}`
  return await openAudit({ ...parts, clock, log, dataDir, checkpointDir, origin })
}

export function openWitnesses(
  { witnesses, allowedSources }: Config,
  { store, audit, clock, log }: Deps,
): Witnesses {
  const ask = askWitness(addressRules(allowedSources))
  return new Witnesses({ store, audit, clock, log, witnesses, ask })
}
