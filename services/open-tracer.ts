import type { Config } from './config.ts'
import type { Clock, Random } from './model/index.ts'
import { addressRules, postDocument } from './sources/index.ts'
import { OtlpTracer, type SpanMetrics } from './tracing/index.ts'

/** A collector that takes longer loses the batch. */
const EXPORT_TIMEOUT_MS = 5_000

/** Absent unless an endpoint is configured: nothing is traced then, at no cost. */
export function openTracer(
  config: Pick<Config, 'otlpEndpoint' | 'allowedSources' | 'place'>,
  parts: { readonly clock: Clock; readonly random: Random; readonly metrics: SpanMetrics },
): OtlpTracer | undefined {
  const { otlpEndpoint, place } = config
  if (otlpEndpoint === undefined) return undefined
  const rules = addressRules(config.allowedSources)
  const target = {
    url: `${otlpEndpoint}/v1/traces`,
    headers: { 'content-type': 'application/json' },
    timeoutMs: EXPORT_TIMEOUT_MS,
  }
  return new OtlpTracer({
    ...parts,
    resource: {
      'service.name': 'lacre',
      'cloud.account.id': place.account,
      'cloud.region': place.region,
    },
    post: async (body, signal) => await postDocument({ ...target, body, signal }, rules),
  })
}
