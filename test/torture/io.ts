// Each write, fsync and rename of the deploy path fails once, with EIO and with ENOSPC.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import type { LambdaClient } from '@aws-sdk/client-lambda'

import { startService, type Service } from '../support/service.ts'
import type { TortureClient } from './client.ts'
import { FaultLayer, KINDS, type Fault } from './disk/faults.ts'
import { judgeRestart } from './judge.ts'
import { makeClients, startOver } from './kill.ts'
import { latestCheckpoint, OutsideEvidence } from './outside.ts'
import { Seeded } from './seeded.ts'
import { wholeDeployment } from './steps.ts'

/** RELIABILITY, row 3: typed where it is ours to type. */
const UNAVAILABLE = 503
/** What is made ready after an answer. */
const BACKGROUND_MS = 500
const ERRORS = ['EIO', 'ENOSPC'] as const

/** Answers how many points were answered by anything but success or a typed error, or left something wrong. */
export async function torture({ n, seed }: { n: number; seed: number }): Promise<number> {
  const chance = new Seeded(seed)
  const data = mkdtempSync(join(tmpdir(), 'lacre-io-'))
  using layer = new FaultLayer(data)
  const start = async (): Promise<Service> => await startService({ data, env: layer.env() })
  let service = await start()
  let failed = 0
  try {
    const [client] = await makeClients(service, seed)
    if (client === undefined) throw new Error('there are no clients')
    client.tolerates = (status) => status === UNAVAILABLE
    using outside = new OutsideEvidence(await latestCheckpoint(service))
    const all = await pointsOf(service, client, layer)
    const points = ordered(all, chance).slice(0, n)
    console.log(`io: ${points.length} of ${all.length} points, seed ${seed}`)
    for (const [index, point] of points.entries()) {
      outside.keep(await latestCheckpoint(service))
      const how = await failAt(service, client, { layer, fault: point })
      const wrong: string[] = []
      if (service.ended !== undefined) {
        wrong.push(
          `the service ended: ${JSON.stringify(service.ended)}\n${service.log.slice(-2_000)}`,
        )
        service = await start()
      }
      wrong.push(...(await judgeRestart(service, [client], { chance, outside })))
      const say = wrong.length === 0 ? 'ok' : 'FAILED'
      const { kind, when, error } = point
      console.log(`  ${index + 1}/${points.length} ${error} at ${kind} no. ${when}: ${how}, ${say}`)
      for (const line of wrong) console.log(`    ${line}`)
      if (wrong.length === 0) continue
      failed += 1
      await startOver(service, [client])
    }
    const wrong = await afterRestart(service, client, { chance, outside })
    service = wrong.service
    failed += wrong.found
    console.log(`io: ${points.length} done, ${failed} failed (seed ${seed})`)
  } finally {
    if (service.ended === undefined) await service.stop()
    if (failed === 0) rmSync(data, { recursive: true, force: true, maxRetries: 5 })
    else console.log(`io: the data directory is kept at ${data}`)
  }
  return failed
}

/** Every call that one whole deployment makes of the disk, with both errors. */
async function pointsOf(
  service: Service,
  client: TortureClient,
  layer: FaultLayer,
): Promise<Fault[]> {
  // The first one makes what the others find.
  await deploy(service, client)
  layer.clear()
  await deploy(service, client)
  await sleep(BACKGROUND_MS)
  const { counts } = layer.counts()
  return KINDS.flatMap((kind) =>
    Array.from({ length: counts[kind] }, (_, index) => index + 1).flatMap((when) =>
      ERRORS.map((error) => ({ kind, when, error })),
    ),
  )
}

/** One deployment under the fault; it ends at the first call that was not acknowledged. */
async function failAt(
  service: Service,
  client: TortureClient,
  by: { layer: FaultLayer; fault: Fault },
): Promise<string> {
  by.layer.arm(by.fault)
  const how = await deploy(service, client)
  if (by.layer.counts().reached === 0) await sleep(BACKGROUND_MS)
  const { reached } = by.layer.counts()
  by.layer.clear()
  return reached > 0 ? how : `${how}, not reached`
}

async function deploy(service: Service, client: TortureClient): Promise<string> {
  const sdk: LambdaClient = service.client()
  try {
    let acknowledged = 0
    for (const choose of wholeDeployment()) {
      const step = choose(client.shop, client.now)
      await client.once(sdk, step)
      if (client.uncertain !== undefined || client.wrong.length > 0) {
        return `${acknowledged} acknowledged, then ${step.what}: no success`
      }
      acknowledged += 1
    }
    return `${acknowledged} acknowledged`
  } finally {
    sdk.destroy()
  }
}

/** What was acknowledged under faults is there after a restart too. */
async function afterRestart(
  before: Service,
  client: TortureClient,
  by: { chance: Seeded; outside: OutsideEvidence },
): Promise<{ service: Service; found: number }> {
  await before.stop()
  const service = await startService({ data: before.data })
  const wrong = await judgeRestart(service, [client], by)
  for (const line of wrong) console.log(`    after a restart: ${line}`)
  return { service, found: wrong.length === 0 ? 0 : 1 }
}

function ordered(points: readonly Fault[], chance: Seeded): Fault[] {
  return points
    .map((point) => ({ point, order: chance.fraction() }))
    .toSorted((a, b) => a.order - b.order)
    .map(({ point }) => point)
}
