// Every probe of the sandbox, eight at once unless told, beside a neighbour: each contained, each shown to work outside,
// nothing left.
import { spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { performance } from 'node:perf_hooks'

import { canRun, RuntimeBench } from '../support/runtime.ts'
import { leftovers, NOTHING } from '../support/sandbox-probes.ts'
import { tempDir } from '../support/state.ts'
import { contract } from './probes/contract.ts'
import { kernel } from './probes/kernel.ts'
import { UNSHOWN, type Ground, type Probe } from './probes/probe.ts'
import { plantSecrets, reach } from './probes/reach.ts'
import { resources } from './probes/resources.ts'
import { Seeded } from './seeded.ts'

const DRIVERS = ['bubblewrap', 'crun'] as const
const AT_ONCE = 8
const ALONE_CALLS = 100
const NEIGHBOUR_PAUSE_MS = 20
const SETTLE_MS = 10_000

interface Options {
  readonly n: number
  readonly seed: number
  /** A driver; every one that can run here, and at least one, unless told. */
  readonly target: string | undefined
  /** Probes that run beside each other, at most. */
  readonly atOnce: number | undefined
}

export async function torture({ n, seed, target, atOnce = AT_ONCE }: Options): Promise<number> {
  const asked = DRIVERS.filter((driver) => target === undefined || driver === target)
  const drivers = asked.filter((driver) => canRun(driver))
  if (drivers.length === 0) {
    console.log(`sandbox: 0 done, 1 failed: root is needed, and ${target ?? DRIVERS.join(' or ')}`)
    return 1
  }
  let failed = 0
  for (const driver of drivers) failed += await attack(driver, { n, seed, atOnce })
  return failed
}

async function attack(
  driver: (typeof DRIVERS)[number],
  { n, seed, atOnce }: { readonly n: number; readonly seed: number; readonly atOnce: number },
): Promise<number> {
  const probes = [...resources, ...reach, ...kernel, ...contract]
  const random = new Seeded(seed)
  const bench = await RuntimeBench.open({
    isolation: driver,
    requireIsolation: true,
    maxEnvironments: 4 * Math.max(AT_ONCE, atOnce),
  })
  let failed = 0
  try {
    using dir = tempDir()
    await using around = await surround(bench, dir.path)
    failed += await showOutside(probes, around.ground)
    for (let round = 1; round <= n; round += 1)
      failed += await letLoose(shuffled(probes, random), around, {
        round: `round ${round}`,
        atOnce,
      })
  } finally {
    await bench[Symbol.asyncDispose]()
  }
  failed += await nothingLeft(bench.uidFraction)
  console.log(`sandbox, ${driver}: ${n * probes.length} done, ${failed} failed (seed ${seed})`)
  return failed
}

/** Each attack without a sandbox, one after the other: one that fails there proves nothing inside. */
async function showOutside(probes: readonly Probe[], ground: Ground): Promise<number> {
  let failed = 0
  for (const probe of probes) {
    const works = await probe.outside(ground).catch((error: unknown) => String(error))
    if (works === UNSHOWN)
      console.log(`unshown  outside: ${probe.name}: this machine forbids it too`)
    if (works === true || works === UNSHOWN) continue
    console.log(`FAILED   outside, where it should work: ${probe.name}: ${String(works)}`)
    failed += 1
  }
  return failed
}

async function letLoose(
  probes: readonly Probe[],
  { ground, neighbour }: Surroundings,
  { round, atOnce }: { readonly round: string; readonly atOnce: number },
): Promise<number> {
  const alone = await neighbour.during(async (calls) => {
    while (calls() < ALONE_CALLS) await pause()
  })
  let failed = 0
  const queue = [...probes]
  const beside = await neighbour.during(async () => {
    const lane = async (): Promise<void> => {
      for (let probe = queue.shift(); probe !== undefined; probe = queue.shift()) {
        const began = performance.now()
        const escaped = await probe
          .inside(ground)
          .catch((error: unknown) => `threw ${String(error)}`)
        const seconds = ((performance.now() - began) / 1_000).toFixed(1)
        if (escaped === undefined) console.log(`held ${seconds.padStart(6)} s  ${probe.name}`)
        else console.log(`FAILED   ${round}: ${probe.name}: ${escaped}`)
        failed += escaped === undefined ? 0 : 1
      }
    }
    await Promise.all(Array.from({ length: atOnce }, lane))
  })
  console.log(`${round}: neighbour alone ${alone.told}; beside ${atOnce} at a time ${beside.told}`)
  for (const { refused } of [alone, beside]) {
    if (refused.length > 0) console.log(`FAILED   the neighbour was refused: ${refused[0]}`)
    failed += refused.length
  }
  return failed
}

interface Surroundings extends AsyncDisposable {
  readonly ground: Ground
  readonly neighbour: Neighbour
}

/** What the attackers look for: a victim, listeners, secrets, and a neighbour with one of its own. */
async function surround(bench: RuntimeBench, dir: string): Promise<Surroundings> {
  const canary = `canary-${randomBytes(12).toString('hex')}`
  plantSecrets(bench.dataDir, canary)
  const abstract = `lacre-canary-${randomBytes(6).toString('hex')}`
  const host = createServer().listen(0, '127.0.0.1')
  const servers = [host, createServer().listen(`\0${abstract}`)]
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const { port } = host.address() as AddressInfo
  let victim: ChildProcess | undefined
  const ground: Ground = {
    bench,
    dir,
    canary,
    port,
    abstract,
    victim() {
      if (victim === undefined || victim.exitCode !== null || victim.signalCode !== null)
        victim = spawn('sleep', ['600'], { env: { CANARY: canary }, stdio: 'ignore' })
      const { pid } = victim
      const own = victim
      if (pid === undefined) throw new Error('the victim was not started')
      return { pid, alive: () => own.exitCode === null && own.signalCode === null }
    },
  }
  ground.victim()
  return {
    ground,
    neighbour: await Neighbour.move(bench, canary),
    async [Symbol.asyncDispose]() {
      victim?.kill('SIGKILL')
      for (const server of servers) server.close()
    },
  }
}

/** An honest function with a secret in its code and in its /tmp, called all the while. */
class Neighbour {
  readonly #call: () => Promise<string>
  readonly #canary: string

  private constructor(call: () => Promise<string>, canary: string) {
    this.#call = call
    this.#canary = canary
  }

  static async move(bench: RuntimeBench, canary: string): Promise<Neighbour> {
    const code = `require('fs').writeFileSync('/tmp/secret', '${canary}')\nexports.handler = async () => '${canary}'\n`
    const spec = await bench.spec({ 'index.js': code })
    const neighbour = new Neighbour(async () => (await bench.invoke(spec)).text, canary)
    await neighbour.#call()
    return neighbour
  }

  /** Its latencies, in milliseconds, while the work lasts. */
  async during(
    work: (calls: () => number) => Promise<void>,
  ): Promise<{ readonly told: string; readonly refused: readonly string[] }> {
    const times: number[] = []
    const refused: string[] = []
    let over = false
    const calling = (async () => {
      while (!over) {
        const began = performance.now()
        const text = await this.#call().catch((error: unknown) => String(error))
        times.push(performance.now() - began)
        if (text !== JSON.stringify(this.#canary)) refused.push(text)
        await pause()
      }
    })()
    await work(() => times.length).finally(() => (over = true))
    await calling
    const sorted = times.toSorted((a, b) => a - b)
    const at = (share: number): string =>
      (sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0).toFixed(1)
    return { told: `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms of ${times.length}`, refused }
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, NEIGHBOUR_PAUSE_MS))
}

async function nothingLeft(uidFraction: number): Promise<number> {
  const until = performance.now() + SETTLE_MS
  let left = leftovers(uidFraction)
  while (JSON.stringify(left) !== JSON.stringify(NOTHING) && performance.now() < until) {
    await pause()
    left = leftovers(uidFraction)
  }
  if (JSON.stringify(left) === JSON.stringify(NOTHING)) return 0
  console.log(`FAILED   left behind: ${JSON.stringify(left)}`)
  return 1
}

function shuffled<T>(list: readonly T[], random: Seeded): T[] {
  const rest = [...list]
  return list.map(() => rest.splice(random.integer(0, rest.length - 1), 1)[0] as T)
}
