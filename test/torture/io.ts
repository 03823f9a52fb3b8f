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
import { makeClients } from './kill.ts'
import { latestCheckpoint, OutsideEvidence } from './outside.ts'
import { Seeded } from './seeded.ts'
import { wholeDeployment } from './steps.ts'

/** RELIABILITY, row 3: typed where it is ours to type. */
const UNAVAILABLE = 503
/** What is made ready after an answer. */
const BACKGROUND_MS = 500
const ERRORS = ['EIO', 'ENOSPC'] as const

/** Points for one data directory: what is judged after each of them grows with what the ones before it left. */
const POINTS_EACH = 40

/** Answers how many points were answered by anything but success or a typed error, or left something wrong. */
export async function torture({ n, seed }: { n: number; seed: number }): Promise<number> {
  const chance = new Seeded(seed)
  let points: readonly Fault[] | undefined
  let [done, failed] = [0, 0]
  do {
    await using ground = await Ground.open(seed)
    if (points === undefined) {
      const all = await pointsOf(ground)
      points = ordered(all, chance).slice(0, n)
      console.log(`io: ${points.length} of ${all.length} points, seed ${seed}`)
    } else await deploy(ground)
    for (const point of points.slice(done, done + POINTS_EACH)) {
      const { how, wrong } = await failAt(ground, point, chance)
      done += 1
      const say = wrong.length === 0 ? 'ok' : 'FAILED'
      const { kind, when, error } = point
      console.log(`  ${done}/${points.length} ${error} at ${kind} no. ${when}: ${how}, ${say}`)
      for (const line of wrong) console.log(`    ${line}`)
      if (wrong.length === 0) continue
      failed += 1
      // What it left would be told again by all that come after it.
      break
    }
    if (!ground.failed) failed += await ground.afterRestart(chance)
  } while (done < points.length)
  console.log(`io: ${points.length} done, ${failed} failed (seed ${seed})`)
  return failed
}

/** A service whose disk fails on order, and its one client. */
class Ground implements AsyncDisposable {
  readonly client: TortureClient
  readonly layer: FaultLayer
  readonly #data: string
  readonly #outside: OutsideEvidence
  #service: Service
  failed = false

  private constructor(of: {
    data: string
    layer: FaultLayer
    service: Service
    client: TortureClient
    outside: OutsideEvidence
  }) {
    this.#data = of.data
    this.layer = of.layer
    this.#service = of.service
    this.client = of.client
    this.#outside = of.outside
  }

  static async open(seed: number): Promise<Ground> {
    const data = mkdtempSync(join(tmpdir(), 'lacre-io-'))
    const layer = new FaultLayer(data)
    const service = await startService({ data, env: layer.env() })
    const [client] = await makeClients(service, seed)
    if (client === undefined) throw new Error('there are no clients')
    client.tolerates = (status) => status === UNAVAILABLE
    const outside = new OutsideEvidence(await latestCheckpoint(service))
    return new Ground({ data, layer, service, client, outside })
  }

  get service(): Service {
    return this.#service
  }

  async keepCheckpoint(): Promise<void> {
    this.#outside.keep(await latestCheckpoint(this.#service))
  }

  /** What is wrong now, in words; nothing more is to be tried here then. */
  async judge(chance: Seeded): Promise<string[]> {
    const wrong: string[] = []
    const { ended, log } = this.#service
    if (ended !== undefined) {
      wrong.push(`the service ended: ${JSON.stringify(ended)}\n${log.slice(-2_000)}`)
      this.#service = await startService({ data: this.#data, env: this.layer.env() })
    }
    const outside = this.#outside
    wrong.push(...(await judgeRestart(this.#service, [this.client], { chance, outside })))
    this.failed = wrong.length > 0
    return wrong
  }

  /** What was acknowledged under faults is there after a restart too. */
  async afterRestart(chance: Seeded): Promise<number> {
    await this.#service.stop()
    this.#service = await startService({ data: this.#data })
    const wrong = await this.judge(chance)
    for (const line of wrong) console.log(`    after a restart: ${line}`)
    return wrong.length === 0 ? 0 : 1
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#service.ended === undefined) await this.#service.stop()
    this.#outside[Symbol.dispose]()
    this.layer[Symbol.dispose]()
    if (this.failed) console.log(`io: the data directory is kept at ${this.#data}`)
    else rmSync(this.#data, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** Every call that one whole deployment makes of the disk, with both errors. */
async function pointsOf(ground: Ground): Promise<Fault[]> {
  const { layer } = ground
  // The first one makes what the others find.
  await deploy(ground)
  layer.clear()
  await deploy(ground)
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
  ground: Ground,
  fault: Fault,
  chance: Seeded,
): Promise<{ how: string; wrong: string[] }> {
  const { layer } = ground
  await ground.keepCheckpoint()
  layer.arm(fault)
  const how = await deploy(ground)
  if (layer.counts().reached === 0) await sleep(BACKGROUND_MS)
  const { reached } = layer.counts()
  layer.clear()
  const wrong = await ground.judge(chance)
  return { how: reached > 0 ? how : `${how}, not reached`, wrong }
}

async function deploy({ service, client }: Ground): Promise<string> {
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

function ordered(points: readonly Fault[], chance: Seeded): Fault[] {
  return points
    .map((point) => ({ point, order: chance.fraction() }))
    .toSorted((a, b) => a.order - b.order)
    .map(({ point }) => point)
}
