// The network between clients and the service fails, the database is held by another, the service is started anew.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { GetAccountSettingsCommand, LambdaClient } from '@aws-sdk/client-lambda'
import Database from 'better-sqlite3'

import { startService, type Service } from '../support/service.ts'
import type { TortureClient } from './client.ts'
import { FaultProxy, type NetworkFault } from './fault-proxy.ts'
import { judgeRestart } from './judge.ts'
import { makeClients, startOver } from './kill.ts'
import { latestCheckpoint, OutsideEvidence } from './outside.ts'
import { Seeded } from './seeded.ts'
import { nextStep } from './steps.ts'

type Fault =
  | NetworkFault
  /** Another process writes into the database. */
  | { readonly kind: 'lock'; readonly ms: number }
  | { readonly kind: 'restart' }

/** RELIABILITY, row 6. */
const RECOVERY_LIMIT_MS = 10_000
/** A client that hears nothing for so long gives up. */
const CLIENT_TIMEOUT_MS = 3_000
/** Load before a fault, and under it. */
const BEFORE_MS = 300
const UNDER_MS = 2_000
/** What was on its way when a connection was cut is done by then. */
const QUIET_MS = 1_000
const POLL_MS = 20
/** A request that came too slowly, or that the database could not take: it may be sent again. */
const TOLERATED: readonly (number | undefined)[] = [408, 503]

const DRAWS: readonly ((chance: Seeded) => Fault)[] = [
  (chance) => ({ kind: 'latency', ms: chance.integer(20, 700) }),
  (chance) => ({ kind: 'slices', bytes: chance.integer(1, 64), everyMs: chance.integer(1, 8) }),
  (chance) => ({ kind: 'limit', bytesPerSecond: chance.integer(500, 20_000) }),
  (chance) => ({ kind: 'reset', side: 'request', afterBytes: chance.integer(0, 2_500) }),
  (chance) => ({ kind: 'reset', side: 'response', afterBytes: chance.integer(0, 1_200) }),
  (chance) => ({ kind: 'silence', side: 'request', afterBytes: chance.integer(0, 2_500) }),
  (chance) => ({ kind: 'silence', side: 'response', afterBytes: chance.integer(0, 1_200) }),
  () => ({ kind: 'refusal' }),
  (chance) => ({ kind: 'lock', ms: chance.pick([300, 1_500, 6_500]) }),
  () => ({ kind: 'restart' }),
]

/** Answers after how many faults an acknowledged change was lost, half done, or nobody was answered in time. */
export async function torture({ n, seed }: { n: number; seed: number }): Promise<number> {
  const chance = new Seeded(seed)
  const data = mkdtempSync(join(tmpdir(), 'lacre-faults-'))
  let service = await startService({ data })
  let failed = 0
  try {
    await using proxy = await FaultProxy.to(service.url)
    const clients = await makeClients(service, seed)
    for (const client of clients) client.tolerates = (status) => TOLERATED.includes(status)
    using outside = new OutsideEvidence(await latestCheckpoint(service))
    for (let index = 1; index <= n; index += 1) {
      // Each kind in turn, whatever the seed.
      const fault = (DRAWS[(index - 1) % DRAWS.length] ?? chance.pick(DRAWS))(chance)
      outside.keep(await latestCheckpoint(service))
      const before = acknowledgedBy(clients)
      const met = await letHappen(fault, { service, proxy, clients })
      service = met.service
      const wrong = await judgeRestart(service, clients, { chance, outside })
      if (met.recoveryMs > RECOVERY_LIMIT_MS) wrong.push('nobody was answered in time')
      if (met.times === 0) wrong.push('the fault met nobody: nothing was tried')
      const counted = `${acknowledgedBy(clients) - before} acknowledged, ${met.unanswered} unanswered`
      const say = wrong.length === 0 ? 'ok' : 'FAILED'
      console.log(
        `  ${index}/${n} ${JSON.stringify(fault)}: met ${met.times}, ${counted}, answered again after ${met.recoveryMs} ms, ${say}`,
      )
      for (const line of wrong) console.log(`    ${line}`)
      if (wrong.length === 0) continue
      failed += 1
      await startOver(service, clients)
    }
    console.log(`faults: ${n} done, ${failed} failed (seed ${seed})`)
  } finally {
    if (service.ended === undefined) await service.stop()
    if (failed === 0) rmSync(data, { recursive: true, force: true, maxRetries: 5 })
    else console.log(`faults: the data directory is kept at ${data}`)
  }
  return failed
}

interface Scene {
  readonly service: Service
  readonly proxy: FaultProxy
  readonly clients: readonly TortureClient[]
}

interface Met {
  readonly service: Service
  /** How often the fault met somebody. */
  readonly times: number
  readonly unanswered: number
  /** From its end until somebody was answered through the same network. */
  readonly recoveryMs: number
}

/** The whole load, a fault in the midst of it, and the first answer afterwards. */
async function letHappen(fault: Fault, { service, proxy, clients }: Scene): Promise<Met> {
  const sdks = clients.map(() => throughProxy(service, proxy))
  const stop = new AbortController()
  const working = clients.map((client, at) => work(client, sdks[at] ?? sdks[0], stop.signal))
  await sleep(BEFORE_MS)
  const held = await begin(fault, { service, proxy, clients })
  const healedMs = performance.now()
  proxy.heal()
  await untilAnswered(held.service, proxy)
  const recoveryMs = Math.round(performance.now() - healedMs)
  stop.abort()
  await Promise.all(working)
  for (const sdk of sdks) sdk.destroy()
  const unanswered = clients.filter(({ uncertain }) => uncertain !== undefined).length
  await sleep(QUIET_MS)
  return { ...held, unanswered, recoveryMs }
}

/** Until the fault is over; how often it met somebody. */
async function begin(
  fault: Fault,
  { service, proxy, clients }: Scene,
): Promise<Pick<Met, 'service' | 'times'>> {
  if (fault.kind === 'lock') {
    const before = acknowledgedBy(clients)
    await holdDatabase(service.data, fault.ms)
    // Whoever reads goes on; of those who write at most one had begun to.
    const during = acknowledgedBy(clients) - before
    return { service, times: during <= clients.length ? 1 : 0 }
  }
  if (fault.kind === 'restart') {
    await service.stop()
    const next = await startService({ data: service.data })
    proxy.lead(next.url)
    return { service: next, times: 1 }
  }
  proxy.begin(fault)
  await sleep(UNDER_MS)
  return { service, times: proxy.met }
}

async function work(
  client: TortureClient,
  sdk: LambdaClient | undefined,
  stop: AbortSignal,
): Promise<void> {
  if (sdk === undefined) return
  while (!stop.aborted && client.uncertain === undefined && client.wrong.length === 0)
    await client.once(sdk, nextStep(client.shop, client.now))
}

/** From outside of the service, as a backup tool or an administrator might. */
async function holdDatabase(data: string, ms: number): Promise<void> {
  const db = new Database(join(data, 'lacre.db'), { timeout: CLIENT_TIMEOUT_MS })
  try {
    db.exec('begin immediate')
    await sleep(ms)
    db.exec('rollback')
  } finally {
    db.close()
  }
}

async function untilAnswered(service: Service, proxy: FaultProxy): Promise<void> {
  const limit = performance.now() + 2 * RECOVERY_LIMIT_MS
  while (performance.now() < limit) {
    const sdk = throughProxy(service, proxy)
    try {
      await sdk.send(new GetAccountSettingsCommand({}))
      return
    } catch {
      await sleep(POLL_MS)
    } finally {
      sdk.destroy()
    }
  }
}

function throughProxy(service: Service, proxy: FaultProxy): LambdaClient {
  const { region, accessKeyId, secretAccessKey } = service.admin
  return new LambdaClient({
    endpoint: proxy.url,
    region,
    maxAttempts: 1,
    credentials: { accessKeyId, secretAccessKey },
    requestHandler: {
      connectionTimeout: CLIENT_TIMEOUT_MS,
      requestTimeout: CLIENT_TIMEOUT_MS,
      throwOnRequestTimeout: true,
    },
  })
}

function acknowledgedBy(clients: readonly TortureClient[]): number {
  return clients.reduce((sum, client) => sum + client.acknowledged, 0)
}
