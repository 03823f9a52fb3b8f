import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { CreateCodeSigningConfigCommand } from '@aws-sdk/client-lambda'

import { startService, type Service } from '../support/service.ts'
import { TortureClient } from './client.ts'
import { nothing } from './expected.ts'
import { judgeRestart } from './judge.ts'
import { OutsideEvidence, latestCheckpoint } from './outside.ts'
import { Seeded } from './seeded.ts'
import { deployPath, type Workshop } from './steps.ts'
import { canTrace, Tracer } from './strace.ts'

const CLIENTS = 4
/** RELIABILITY, row 1. */
const READY_LIMIT_MS = 5_000
const REACH_LIMIT_MS = 20_000

/** Before which of its calls the service dies; each thread counts its own. */
const POINTS = [
  ['fsync', [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20]],
  ['rename', [1, 2, 3]],
  ['unlink', [1, 2]],
  ['mkdir', [1, 3]],
  ['pwrite64', [1, 2, 4, 8, 16, 24, 40, 64, 100, 150]],
  ['write', [5, 20, 40]],
  ['writev', [1, 2, 3, 4]],
] as const

interface Point {
  readonly calls: string
  readonly when: number
}

interface Kill {
  readonly mode: string
  /** What else to say of it. */
  readonly note: string
}

/** `kill -9` again and again over one data directory; answers how many of them were not survived whole. */
export async function torture(options: { n: number; seed: number }): Promise<number> {
  const { n, seed } = options
  const chance = new Seeded(seed)
  const data = mkdtempSync(join(tmpdir(), 'lacre-kill-'))
  const points = pointsToReach(chance)
  console.log(
    `kill: ${n} times, seed ${seed}${points.length === 0 ? '; no strace: random instants only' : ''}`,
  )
  let failed = 0
  let service = await startService({ data })
  try {
    const clients = await makeClients(service, seed)
    using outside = new OutsideEvidence(await latestCheckpoint(service))
    for (let index = 1; index <= n; index += 1) {
      const before = clients.reduce((sum, client) => sum + client.acknowledged, 0)
      // Every second one at a chosen step, the others at a random instant under the whole load.
      const point = index % 2 === 0 ? points.shift() : undefined
      outside.keep(await latestCheckpoint(service))
      const kill = point
        ? await killAtCall(service, clients, point)
        : await killAtInstant(service, clients, chance.integer(20, 1_800))
      const acknowledged = clients.reduce((sum, client) => sum + client.acknowledged, 0) - before
      const unanswered = clients.filter((client) => client.uncertain !== undefined).length
      service = await startService({ data })
      const readyMs = Math.round(await service.ready())
      const wrong = await judgeRestart(service, clients, { chance, outside })
      if (readyMs > READY_LIMIT_MS) wrong.push(`ready only after ${readyMs} ms`)
      const say = wrong.length === 0 ? 'ok' : 'FAILED'
      console.log(
        `  ${index}/${n} ${kill.mode} ${kill.note}: ${acknowledged} acknowledged, ${unanswered} unanswered, ready in ${readyMs} ms, ${say}`,
      )
      for (const line of wrong) console.log(`    ${line}`)
      if (wrong.length === 0) continue
      failed += 1
      await startOver(service, clients)
    }
    console.log(
      `kill: ${n} done, ${failed} failed (seed ${seed}; replay: npm run torture -- kill --n ${n} --seed ${seed})`,
    )
  } finally {
    if (service.ended === undefined) await service.stop()
    if (failed === 0) rmSync(data, { recursive: true, force: true, maxRetries: 5 })
    else console.log(`kill: the data directory is kept at ${data}`)
  }
  return failed
}

export async function makeClients(service: Service, seed: number): Promise<TortureClient[]> {
  const sdk = service.client()
  const arn = 'arn:aws:signer:us-east-1:000000000000:/signing-profiles/nobody/AAAAAAAAAA'
  const { CodeSigningConfig } = await sdk.send(
    new CreateCodeSigningConfigCommand({
      AllowedPublishers: { SigningProfileVersionArns: [arn] },
      CodeSigningPolicies: { UntrustedArtifactOnDeployment: 'Warn' },
    }),
  )
  sdk.destroy()
  const config = CodeSigningConfig?.CodeSigningConfigArn ?? ''
  return Array.from({ length: CLIENTS }, (_, index) => {
    const chance = new Seeded(seed * 1_000 + index)
    const shop: Workshop = { chance, config, releases: new Map(), client: `c${index}` }
    return new TortureClient(shop)
  })
}

/** Mode A: the whole load, and death at an instant. */
export async function killAtInstant(
  service: Service,
  clients: readonly TortureClient[],
  afterMs: number,
): Promise<Kill> {
  const sdks = clients.map(() => service.client())
  const working = clients.map((client, index) => client.work(sdks[index] ?? service.client()))
  await sleep(afterMs)
  await service.kill9()
  await Promise.all(working)
  for (const sdk of sdks) sdk.destroy()
  return { mode: 'instant', note: `after ${afterMs} ms` }
}

/** Mode B: one client on the deploy path, and death just before the n-th call of a kind. */
async function killAtCall(
  service: Service,
  clients: readonly TortureClient[],
  point: Point,
): Promise<Kill> {
  const [client] = clients
  if (client === undefined) throw new Error('there are no clients')
  const tracer = await Tracer.attach(service.pid, [
    `trace=${point.calls}`,
    `inject=${point.calls}:signal=SIGKILL:when=${point.when}`,
  ])
  const sdk = service.client()
  const working = client.work(sdk, deployPath())
  const limit = new AbortController()
  const late = sleep(REACH_LIMIT_MS, 'late' as const, { signal: limit.signal }).catch(() => 'late')
  const reached = (await Promise.race([service.exited(), late])) !== 'late'
  limit.abort()
  if (!reached) await service.kill9()
  await working
  sdk.destroy()
  await tracer.detach()
  const note = `before ${point.calls} no. ${point.when}${reached ? '' : ' (not reached)'}`
  return { mode: 'step', note }
}

/** The points in the order of the seed; none where strace cannot be used. */
function pointsToReach(chance: Seeded): Point[] {
  if (!canTrace()) return []
  const points = POINTS.flatMap(([calls, counts]) => counts.map((when) => ({ calls, when })))
  return points
    .map((point) => ({ point, order: chance.fraction() }))
    .toSorted((a, b) => a.order - b.order)
    .map(({ point }) => point)
}

/** After a failure what is held against is what is there, so that one loss is not told again by every later kill. */
export async function startOver(
  service: Service,
  clients: readonly TortureClient[],
): Promise<void> {
  const { DeleteFunctionCommand } = await import('@aws-sdk/client-lambda')
  const sdk = service.client()
  for (const client of clients) {
    for (const FunctionName of client.functionNames)
      await sdk.send(new DeleteFunctionCommand({ FunctionName })).catch(() => undefined)
    client.now = { ...nothing, layers: client.now.layers, counters: client.now.counters }
    client.wrong.length = 0
    client.decisions.length = 0
  }
  sdk.destroy()
}
