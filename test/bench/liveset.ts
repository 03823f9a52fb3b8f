import { cpSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { request, Agent } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import {
  CreateAliasCommand,
  CreateCodeSigningConfigCommand,
  CreateFunctionCommand,
  GetFunctionConfigurationCommand,
  waitUntilFunctionActiveV2,
  type LambdaClient,
} from '@aws-sdk/client-lambda'

import { openReader, type Reader } from '../../services/store/index.ts'
import { governance } from '../support/governance.ts'
import { nodePackage } from '../support/packages.ts'
import { keyPair } from '../support/publisher-keys.ts'
import { startService, type Service } from '../support/service.ts'
import { signWithSmithy } from '../support/signers.ts'
import { bundleSeal, sealedZip } from '../support/zip-seals.ts'
import { liveStates } from '../support/live-states.ts'
import type { Figure } from './run.ts'
import { quantile } from './statistics.ts'

const SIZES = [1_000, 10_000]
const ALIASES_EACH = 10
const CLIENTS = 6
/** Warm invocations a second, beside everything else. */
const INVOKES_PER_SECOND = 50
const WARM_UP_MS = 1_000
const QUIET_MS = 5_000
const LOOK_EVERY_MS = 10
const ARGS = ['--isolation', 'process']
const LIMIT_MS = 300_000
const ROLE = 'arn:aws:iam::000000000000:role/lambda-role'

/** What `npm run bench -- liveset` takes beside its name. */
export interface LivesetOptions {
  /** How many aliases; 1,000 and then 10,000 where not given. */
  readonly aliases?: number | undefined
  /** Where the installation is made once and kept: each run takes a copy of it, so that runs can be held beside each other. */
  readonly data?: string | undefined
}

/**
 * From the answer to a revocation until every live alias has its new verdict: over functions that each have code of their
 * own, sealed by the publisher that is revoked, so that every verdict changes. Meanwhile others deploy, and one function is
 * called all the time.
 */
export async function livesetBench(options: LivesetOptions = {}): Promise<readonly Figure[]> {
  const sizes = options.aliases === undefined ? SIZES : [options.aliases]
  const figures: Figure[] = []
  for (const size of sizes) {
    using data = await installation(size, options.data)
    figures.push(...(await measured(size, data.path)))
  }
  return figures
}

/** A data directory with so many aliases and the function that is called: made, or copied from where it was kept. */
async function installation(
  size: number,
  kept: string | undefined,
): Promise<Disposable & { readonly path: string }> {
  const path = mkdtempSync(join(tmpdir(), 'lacre-liveset-'))
  const source = kept === undefined ? undefined : join(kept, String(size))
  if (source === undefined) await populate(path, size)
  else {
    if (!existsSync(source)) {
      await populate(`${source}.part`, size)
      renameSync(`${source}.part`, source)
    }
    cpSync(source, path, { recursive: true, preserveTimestamps: true })
  }
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

async function populate(data: string, size: number): Promise<void> {
  await using service = await startService({ data, args: ARGS })
  const { privateKey, publicPem } = keyPair()
  await published(service, 'ci', publicPem)
  const configArn = await enforcing(service, 'ci')
  const names = Array.from({ length: size / ALIASES_EACH }, (_, at) => `bench-${at}`)
  await spread(service, names, async (client, FunctionName) => {
    const zip = nodePackage(FunctionName)
    const sealed = await sealedZip(zip, await bundleSeal(zip, privateKey, {}))
    await deployed(client, FunctionName, { sealed, configArn })
    for (let at = 0; at < ALIASES_EACH; at += 1) {
      const alias = { FunctionName, Name: `a${at}`, FunctionVersion: '1' }
      await client.send(new CreateAliasCommand(alias))
    }
  })
  // Its own code is sealed by nobody and asked for by nobody's config: it goes on being compliant.
  await service.client().send(
    new CreateFunctionCommand({
      FunctionName: 'warm',
      Runtime: 'nodejs20.x',
      Handler: 'index.handler',
      Role: ROLE,
      Code: { ZipFile: nodePackage('warm') },
    }),
  )
  await waitUntilFunctionActiveV2(
    { client: service.client(), maxWaitTime: 30, minDelay: 1, maxDelay: 1 },
    { FunctionName: 'warm' },
  )
}

async function measured(size: number, data: string): Promise<Figure[]> {
  await using service = await startService({ data, args: ARGS })
  await using reader = openReader(`${data}/lacre.db`)
  await verified(service, reader, await worldNow(service))
  const load = new WarmLoad(service)
  await load.run(WARM_UP_MS)
  load.take()
  await load.run(QUIET_MS)
  const quiet = load.take()
  const deploys = new Deploys(service, size / ALIASES_EACH)
  const deploying = deploys.run()
  const invoking = load.runUntilStopped()
  await sleep(500)
  const before = cpuOf(service.pid)
  const revoked = await governance<unknown>(service.admin, {
    method: 'POST',
    path: '/revocations',
    body: { target: { kind: 'publisher', name: 'ci' }, reason: 'bench' },
  })
  const answeredMs = performance.now()
  if (revoked.status !== 201 && revoked.status !== 200) throw new Error(JSON.stringify(revoked))
  const { counter: world } = await reader
    .selectFrom('world')
    .select('counter')
    .executeTakeFirstOrThrow()
  const tookMs = (await verified(service, reader, world)) - answeredMs
  const after = cpuOf(service.pid)
  load.stop()
  deploys.stop()
  await Promise.all([deploying, invoking])
  const busy = load.take()
  await verified(service, reader, await worldNow(service))
  const { aliases, missed } = await countMissed(reader)
  const over = `over ${size} aliases`
  return [
    { name: `from the answer to a revocation until all verdicts are new, ${over}`, value: rounded(tookMs), unit: 'ms' },
    { name: `CPU time of the service for it and beside it`, value: after.all - before.all, unit: 'ms' },
    { name: `of that, of the thread that serves`, value: after.main - before.main, unit: 'ms' },
    { name: `aliases live in the end, with ${deploys.done} deployed meanwhile`, value: aliases, unit: 'aliases' },
    { name: `of them without the verdict of the revocation's world (must be 0), ${over}`, value: missed, unit: 'aliases' },
    { name: `warm invoke before, ${INVOKES_PER_SECOND}/s, p50`, value: rounded(quantile(quiet, 0.5)), unit: 'ms' },
    { name: `warm invoke before, p99 of ${quiet.length}`, value: rounded(quantile(quiet, 0.99)), unit: 'ms' },
    { name: `warm invoke meanwhile, p50`, value: rounded(quantile(busy, 0.5)), unit: 'ms' },
    { name: `warm invoke meanwhile, p99 of ${busy.length}`, value: rounded(quantile(busy, 0.99)), unit: 'ms' },
  ] // prettier-ignore
}

/** CPU time that a process and its first thread have taken, in milliseconds (proc(5); its clock ticks 100 times a second). */
function cpuOf(pid: number): { readonly all: number; readonly main: number } {
  return { all: ticksOf(`/proc/${pid}/stat`), main: ticksOf(`/proc/${pid}/task/${pid}/stat`) }
}

const MS_A_TICK = 10

function ticksOf(file: string): number {
  const [, fields = ''] = readFileSync(file, 'utf8').split(') ')
  const [user, system] = fields.split(' ').slice(11, 13)
  return (Number(user) + Number(system)) * MS_A_TICK
}

/** The world as the service has it, after all that it was asked. */
async function worldNow(service: Service): Promise<number> {
  return (await governance<{ world: number }>(service.admin, { path: '/verification' })).body.world
}

/** When it was seen that a world, or a later one, was verified: in the rows, so that looking takes nothing of the service. */
async function verified(service: Service, reader: Reader, world: number): Promise<number> {
  const limit = performance.now() + LIMIT_MS
  while (performance.now() < limit) {
    const row = await reader
      .selectFrom('live_verification')
      .select((select) => select.fn.max<number | null>('world').as('world'))
      .executeTakeFirst()
    if ((row?.world ?? -1) >= world) return performance.now()
    await sleep(LOOK_EVERY_MS)
  }
  throw new Error(`the live set was not verified in time\n${service.log}`)
}

/** By the rows: what is live of the publisher's, and has no verdict that says so. */
async function countMissed(reader: Reader): Promise<{ aliases: number; missed: number }> {
  const rows = await liveStates(reader)
  const aliases = rows.filter(
    ({ function_name: name, alias }) => name !== 'warm' && !/^(\$LATEST|[0-9]+)$/.test(alias),
  )
  return {
    aliases: aliases.length,
    missed: aliases.filter(({ state }) => state !== 'violating').length,
  }
}

async function published(service: Service, name: string, pem: string): Promise<void> {
  const { status } = await governance(service.admin, {
    method: 'POST',
    path: '/publishers',
    body: { name, pem },
  })
  if (status >= 300) throw new Error(`the publisher was answered ${status}`)
}

async function enforcing(service: Service, name: string): Promise<string> {
  const { body } = await governance<{ versions: { arn: string }[] }>(service.admin, {
    path: `/publishers/${name}`,
  })
  const { CodeSigningConfig } = await service.client().send(
    new CreateCodeSigningConfigCommand({
      AllowedPublishers: { SigningProfileVersionArns: body.versions.map(({ arn }) => arn) },
      CodeSigningPolicies: { UntrustedArtifactOnDeployment: 'Enforce' },
    }),
  )
  return CodeSigningConfig?.CodeSigningConfigArn ?? ''
}

async function deployed(
  client: LambdaClient,
  FunctionName: string,
  { sealed, configArn }: { readonly sealed: Uint8Array; readonly configArn: string },
): Promise<void> {
  await client.send(
    new CreateFunctionCommand({
      FunctionName,
      Runtime: 'nodejs20.x',
      Handler: 'index.handler',
      Role: ROLE,
      Code: { ZipFile: sealed },
      CodeSigningConfigArn: configArn,
      Publish: true,
    }),
  )
  await until(async () => {
    // The number is there at once, and Active a moment later.
    const asked = { FunctionName, Qualifier: '1' }
    return (await client.send(new GetFunctionConfigurationCommand(asked))).State === 'Active'
  })
}

async function until(work: () => Promise<boolean>): Promise<void> {
  while (!(await work())) await sleep(5)
}

async function spread(
  service: Service,
  names: readonly string[],
  work: (client: LambdaClient, name: string) => Promise<void>,
): Promise<void> {
  const left = [...names]
  await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      const client = service.client(3)
      for (let name = left.pop(); name !== undefined; name = left.pop()) await work(client, name)
      client.destroy()
    }),
  )
}

/** Deploys beside the revocation: what got live a moment before it must not be missed; what comes after is refused. */
class Deploys {
  readonly #service: Service
  readonly #functions: number
  #stopped = false
  done = 0
  refused = 0

  constructor(service: Service, functions: number) {
    this.#service = service
    this.#functions = functions
  }

  stop(): void {
    this.#stopped = true
  }

  async run(): Promise<void> {
    const client = this.#service.client()
    for (let n = 0; !this.#stopped; n += 1) {
      const FunctionName = n % 4 === 3 ? 'warm' : `bench-${n % this.#functions}`
      const FunctionVersion = n % 4 === 3 ? '$LATEST' : '1'
      const alias = { FunctionName, FunctionVersion, Name: `d${n}` }
      try {
        await client.send(new CreateAliasCommand(alias))
        this.done += 1
      } catch {
        this.refused += 1
      }
      await sleep(DEPLOY_EVERY_MS)
    }
    client.destroy()
  }
}

const DEPLOY_EVERY_MS = 20

/** One function, called at a fixed rate whatever the answers take. */
class WarmLoad {
  readonly #service: Service
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 16 })
  #times: number[] = []
  #stopped = false

  constructor(service: Service) {
    this.#service = service
  }

  take(): number[] {
    const times = this.#times
    this.#times = []
    return times
  }

  stop(): void {
    this.#stopped = true
  }

  async run(forMs: number): Promise<void> {
    const end = performance.now() + forMs
    await this.#while(() => performance.now() < end)
  }

  async runUntilStopped(): Promise<void> {
    this.#stopped = false
    await this.#while(() => !this.#stopped)
  }

  async #while(goesOn: () => boolean): Promise<void> {
    const signed = await signWithSmithy(this.#service.admin, {
      method: 'POST',
      path: '/2015-03-31/functions/warm/invocations',
      headers: { host: new URL(this.#service.url).host, 'content-type': 'application/json' },
      body: '{}',
    })
    const pending: Promise<void>[] = []
    const start = performance.now()
    for (let n = 0; goesOn(); n += 1) {
      const dueMs = start + (n * 1_000) / INVOKES_PER_SECOND
      if (dueMs > performance.now()) await sleep(dueMs - performance.now())
      pending.push(this.#call(signed.headers, dueMs))
    }
    await Promise.all(pending)
  }

  /** From when it was due: what waits because the one before was slow is not left out. */
  #call(headers: Readonly<Record<string, string>>, dueMs: number): Promise<void> {
    const { hostname, port } = new URL(this.#service.url)
    return new Promise((resolve, reject) => {
      const path = '/2015-03-31/functions/warm/invocations'
      const options = { hostname, port, path, method: 'POST', headers, agent: this.#agent }
      const call = request(options, (answer) => {
        answer.resume().once('end', () => {
          if (answer.statusCode !== 200) return reject(new Error(`answered ${answer.statusCode}`))
          this.#times.push(performance.now() - dueMs)
          resolve()
        })
      })
      call.once('error', reject)
      call.end('{}')
    })
  }
}

function rounded(ms: number): number {
  return Number(ms.toFixed(1))
}
