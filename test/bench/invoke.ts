import { createActive } from '../support/functions.ts'
import { zipOf } from '../support/packages.ts'
import { Service } from '../support/service.ts'
import { signWithSmithy } from '../support/signers.ts'
import { startPeers, type Peer } from './peers.ts'
import type { Figure } from './run.ts'
import { median } from './statistics.ts'
import { wrk, type Load, type Shot } from './wrk.ts'

/** Rounds over all of them in turns, so that a slow moment meets each. */
const ROUNDS = 5
const SECONDS = 2
const WARM_UP_SECONDS = 10
const BUSY_CONNECTIONS = 64
const HALF_CONNECTIONS = 16
const PAYLOAD_BYTES = 1_024

/**
 * Warm invocations of an echo of 1 kB through Lambda's API (SigV4, policy of who may invoke, sandbox), beside what others
 * take for the same: Fastify's own POST echo without any of it, and the peers that are installed (`test/bench/peers`).
 */
export async function invokeBench(): Promise<readonly Figure[]> {
  await using service = new Service({ args: ['--max-environments', String(BUSY_CONNECTIONS)] })
  await service.ready()
  await createActive(service.client(), 'echo', {
    Code: { ZipFile: zipOf({ 'index.js': 'exports.handler = async (event) => event\n' }) },
    Timeout: 30,
  })
  const body = JSON.stringify({ text: 'x'.repeat(PAYLOAD_BYTES - '{"text":""}'.length) })
  await using peers = await startPeers(body)
  const all: readonly Peer[] = [
    { name: 'lacre', shot: async () => await signed(service, body) },
    ...peers.list,
  ]
  const loads = new Map(
    all.map(({ name }) => [name, { one: [] as Load[], busy: [] as Load[], half: [] as Load[] }]),
  )
  for (const { shot } of all)
    await wrk(await shot(), { connections: BUSY_CONNECTIONS, seconds: WARM_UP_SECONDS })
  for (let round = 0; round < ROUNDS; round += 1)
    for (const { name, shot } of all) {
      const kept = loads.get(name)
      const one = await wrk(await shot(), { connections: 1, seconds: SECONDS })
      const busy = await wrk(await shot(), { connections: BUSY_CONNECTIONS, seconds: SECONDS })
      const pauseMs = Math.round((HALF_CONNECTIONS * 2 * 1_000) / busy.requestsPerSecond)
      const options = { connections: HALF_CONNECTIONS, seconds: SECONDS, pauseMs }
      kept?.one.push(one)
      kept?.busy.push(busy)
      kept?.half.push(await wrk(await shot(), options))
    }
  return figures(all, loads)
}

type Loads = ReadonlyMap<
  string,
  { readonly one: Load[]; readonly busy: Load[]; readonly half: Load[] }
>

function figures(all: readonly Peer[], loads: Loads): Figure[] {
  const found: Figure[] = []
  const rates = new Map<string, number>()
  for (const { name } of all) {
    const { one = [], busy = [], half = [] } = loads.get(name) ?? {}
    const rate = median(busy.map(({ requestsPerSecond }) => requestsPerSecond))
    rates.set(name, rate)
    const add = (what: string, value: number, unit: string): void =>
      void found.push({ name: `${name}: ${what}`, value: round(value), unit })
    add('one at a time, p50', median(one.map(({ p50Ms }) => p50Ms)), 'ms')
    add(`${BUSY_CONNECTIONS} at a time`, rate, 'requests/s')
    add('at half of that, rate', median(half.map((load) => load.requestsPerSecond)), 'requests/s')
    add('at half of that, p99', median(half.map(({ p99Ms }) => p99Ms)), 'ms')
    const errors = [...one, ...busy, ...half].reduce((sum, load) => sum + load.errors, 0)
    add('answers that failed', errors, '')
  }
  const ours = rates.get('lacre') ?? 0
  for (const [name, rate] of rates)
    if (name !== 'lacre')
      found.push({
        name: `lacre / ${name}, ${BUSY_CONNECTIONS} at a time`,
        value: round(ours / rate),
        unit: '×',
      })
  return found
}

async function signed(service: Service, body: string): Promise<Shot> {
  const { endpoint, region } = service.admin
  const path = '/2015-03-31/functions/echo/invocations'
  const { headers } = await signWithSmithy(service.admin, {
    method: 'POST',
    path,
    headers: { host: new URL(endpoint).host },
    body,
    region,
  })
  // wrk sends the host of its URL.
  const { host: _host, ...others } = headers
  return { url: `${endpoint}${path}`, headers: others, body }
}

function round(value: number): number {
  return Number(value.toPrecision(3))
}
