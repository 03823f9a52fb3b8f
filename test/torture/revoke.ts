import { mkdtempSync, rmSync } from 'node:fs'
import type { KeyObject } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import {
  CreateAliasCommand,
  CreateCodeSigningConfigCommand,
  GetFunctionConfigurationCommand,
  InvokeCommand,
  LambdaServiceException,
  PublishVersionCommand,
  PutFunctionCodeSigningConfigCommand,
  UpdateAliasCommand,
  UpdateFunctionCodeCommand,
  type LambdaClient,
} from '@aws-sdk/client-lambda'

import { openReader } from '../../services/store/index.ts'
import { createActive, updateAndWait } from '../support/functions.ts'
import { governance } from '../support/governance.ts'
import { nodePackage } from '../support/packages.ts'
import { keyPair } from '../support/publisher-keys.ts'
import { startService, type Service } from '../support/service.ts'
import { bundleSeal, sealedZip } from '../support/zip-seals.ts'
import { Seeded } from './seeded.ts'

/** Longer than any reaction takes on a busy machine; how long each took is printed. */
const DONE_LIMIT_MS = 30_000
/** Every third round the service dies in the middle of the reaction. */
const KILLED_EVERY = 3
const ARGS = ['--isolation', 'process', '--reactions-max-aliases', '1000']
const REACTIONS = ['freeze', 'revert', 'refuse'] as const

type Reaction = (typeof REACTIONS)[number]

/** One function: version 1 by a publisher that stays good, version 2 and all later ones by the one that is revoked. */
interface Target {
  readonly name: string
  readonly reaction: Reaction
  readonly bad: { readonly name: string; readonly key: KeyObject }
}

/**
 * Revokes a publisher at random moments while what it sealed is deployed and called: nothing of it becomes live after the
 * answer, what runs of it is reacted to as is set, and a reaction that a kill -9 met is done or not begun. Answers how many
 * rounds failed.
 */
export async function torture(options: { n: number; seed: number }): Promise<number> {
  const { n, seed } = options
  const chance = new Seeded(seed)
  const data = mkdtempSync(join(tmpdir(), 'lacre-revoke-'))
  console.log(`revoke: ${n} times, seed ${seed}`)
  let failed = 0
  const tookMs: number[] = []
  let service = await startService({ data, args: ARGS })
  try {
    for (let index = 1; index <= n; index += 1) {
      const target = await makeTarget(service, index, chance.pick(REACTIONS))
      const isKilled = index % KILLED_EVERY === 0
      const afterMs = chance.integer(20, 600)
      const killMs = chance.integer(0, 120)
      const load = startLoad(service, target)
      await sleep(afterMs)
      await revoke(service, target)
      const ackMs = performance.now()
      const size = await ledgerSize(data)
      const wrong: string[] = []
      if (isKilled) {
        await sleep(killMs)
        await service.kill9()
        await load.stop()
        wrong.push(...(await wrongHalf(data, target)))
        service = await startService({ data, args: ARGS })
      }
      const fromMs = isKilled ? performance.now() : ackMs
      const done = await reacted(service, target)
      const doneMs = performance.now() - fromMs
      if (done) tookMs.push(doneMs)
      else wrong.push(`no ${target.reaction} within ${DONE_LIMIT_MS} ms\n${service.log}`)
      if (!isKilled) await sleep(300)
      await load.stop()
      wrong.push(...load.acceptedSince(ackMs), ...(await wrongIntervals(data, target, size)))
      wrong.push(...(await wrongNow(service, target)), ...(await wrongHalf(data, target)))
      if (wrong.length > 0) failed += 1
      console.log(
        `  ${index}/${n} ${target.reaction} after ${afterMs} ms${isKilled ? `, killed ${killMs} ms later` : ''}: ${load.deploys} deploys, ${load.calls} calls, reacted in ${Math.round(doneMs)} ms, ${wrong.length === 0 ? 'ok' : 'FAILED'}`,
      )
      for (const line of wrong) console.log(`    ${line}`)
    }
    const sorted = tookMs.toSorted((a, b) => a - b)
    const at = (share: number): number =>
      Math.round(sorted[Math.ceil(sorted.length * share) - 1] ?? 0)
    console.log(`revoke: reactions done within p50 ${at(0.5)} ms, at most ${at(1)} ms`)
    console.log(`revoke: ${n} done, ${failed} failed (seed ${seed})`)
  } finally {
    if (service.ended === undefined) await service.stop()
    if (failed === 0) rmSync(data, { recursive: true, force: true, maxRetries: 5 })
    else console.log(`revoke: the data directory is kept at ${data}`)
  }
  return failed
}

async function makeTarget(service: Service, index: number, reaction: Reaction): Promise<Target> {
  const client = service.client(3)
  const FunctionName = `fn-${index}`
  const good = await makePublisher(service, `good_${index}`)
  const bad = await makePublisher(service, `bad_${index}`)
  const { CodeSigningConfig } = await client.send(
    new CreateCodeSigningConfigCommand({
      AllowedPublishers: { SigningProfileVersionArns: [good.arn, bad.arn] },
      CodeSigningPolicies: { UntrustedArtifactOnDeployment: 'Enforce' },
    }),
  )
  const CodeSigningConfigArn = CodeSigningConfig?.CodeSigningConfigArn ?? ''
  await createActive(client, FunctionName, { Code: { ZipFile: await sealed(good.key, 'one') } })
  await client.send(new PutFunctionCodeSigningConfigCommand({ FunctionName, CodeSigningConfigArn }))
  const alias = { FunctionName, Name: 'prod' }
  const first = { ...alias, FunctionVersion: await publish(client, FunctionName) }
  await client.send(new CreateAliasCommand(first))
  await updateAndWait(client, FunctionName, await sealed(bad.key, 'two'))
  const second = { ...alias, FunctionVersion: await publish(client, FunctionName) }
  await client.send(new UpdateAliasCommand(second))
  await client.send(new CreateAliasCommand({ ...first, Name: 'next' }))
  const path = `/reactions/${FunctionName}:prod`
  const set = await governance(service.admin, { method: 'PUT', path, body: { reaction } })
  if (set.status !== 200) throw new Error(`the reaction was answered ${set.status}`)
  client.destroy()
  return { name: FunctionName, reaction, bad: { name: `bad_${index}`, key: bad.key } }
}

async function makePublisher(
  service: Service,
  name: string,
): Promise<{ readonly arn: string; readonly key: KeyObject }> {
  const { publicPem: pem, privateKey: key } = keyPair()
  const body = { name, pem }
  const made = await governance(service.admin, { method: 'POST', path: '/publishers', body })
  if (made.status >= 300) throw new Error(`the publisher was answered ${made.status}`)
  const kept = await governance<{ versions: readonly { arn: string }[] }>(service.admin, {
    path: `/publishers/${name}`,
  })
  return { arn: kept.body.versions[0]?.arn ?? '', key }
}

async function sealed(key: KeyObject, text: string): Promise<Uint8Array> {
  const zip = nodePackage(text)
  return await sealedZip(zip, await bundleSeal(zip, key, {}))
}

async function publish(client: LambdaClient, FunctionName: string): Promise<string> {
  const { Version = '' } = await client.send(new PublishVersionCommand({ FunctionName }))
  await untilActive(client, { FunctionName, Qualifier: Version })
  return Version
}

async function untilActive(
  client: LambdaClient,
  asked: { readonly FunctionName: string; readonly Qualifier: string },
): Promise<void> {
  while ((await client.send(new GetFunctionConfigurationCommand(asked))).State !== 'Active')
    await sleep(10)
}

interface Load {
  readonly deploys: number
  readonly calls: number
  stop(): Promise<void>
  /** What was sent after an instant and let in all the same. */
  acceptedSince(ms: number): string[]
}

/** One deploys what the bad publisher seals and moves `next` to it, one calls `prod`, until told to stop. */
function startLoad(service: Service, target: Target): Load {
  const clients = [service.client(), service.client()] as const
  const accepted: { readonly what: string; readonly sentMs: number }[] = []
  const count = { deploys: 0, calls: 0 }
  let stopped = false
  const FunctionName = target.name
  const letIn = async <T>(what: string, send: () => Promise<T>): Promise<T | undefined> => {
    const sentMs = performance.now()
    try {
      const answer = await send()
      accepted.push({ what, sentMs })
      count.deploys += 1
      return answer
    } catch (error) {
      // Refused, in the way of another change, or the service is gone: nothing was let in.
      if (!(error instanceof LambdaServiceException)) await sleep(20)
      return undefined
    }
  }
  const deploying = async (): Promise<void> => {
    const [client] = clients
    for (let at = 0; !stopped; at += 1) {
      const ZipFile = await sealed(target.bad.key, `${FunctionName} ${at}`)
      const update = new UpdateFunctionCodeCommand({ FunctionName, ZipFile, Publish: true })
      const version = (await letIn('UpdateFunctionCode', () => client.send(update)))?.Version
      const FunctionVersion = version ?? '2'
      const move = new UpdateAliasCommand({ FunctionName, Name: 'next', FunctionVersion })
      await letIn(`UpdateAlias next to ${FunctionVersion}`, () => client.send(move))
      await sleep(5)
    }
  }
  const calling = async (): Promise<void> => {
    while (!stopped) {
      const call = new InvokeCommand({ FunctionName, Qualifier: 'prod' })
      await clients[1].send(call).catch(() => sleep(20))
      count.calls += 1
      await sleep(5)
    }
  }
  const working = Promise.all([deploying(), calling()])
  return {
    get deploys() {
      return count.deploys
    },
    get calls() {
      return count.calls
    },
    stop: async () => {
      stopped = true
      await working
      for (const client of clients) client.destroy()
    },
    acceptedSince: (ms) =>
      accepted.flatMap(({ what, sentMs }) =>
        sentMs > ms ? [`${what} was let in ${Math.round(sentMs - ms)} ms after the answer`] : [],
      ),
  }
}

async function revoke(service: Service, { bad }: Target): Promise<void> {
  const body = { target: { kind: 'publisher', name: bad.name }, reason: 'stolen' }
  const answer = await governance(service.admin, { method: 'POST', path: '/revocations', body })
  if (answer.status >= 300) throw new Error(`the revocation was answered ${answer.status}`)
}

/** Until what is set was done, by the rows. */
async function reacted(service: Service, target: Target): Promise<boolean> {
  const limitMs = performance.now() + DONE_LIMIT_MS
  while (performance.now() < limitMs) {
    if ((await found(service.data, target)).reactions.includes(target.reaction)) return true
    await sleep(10)
  }
  return false
}

interface Found {
  /** What rows of reactions say was done about `prod`. */
  readonly reactions: readonly string[]
  /** What is so. */
  readonly effects: readonly string[]
}

async function found(data: string, { name }: Target): Promise<Found> {
  await using reader = openReader(join(data, 'lacre.db'))
  return await reader.transaction().execute(async (snapshot) => {
    const reactions = await snapshot
      .selectFrom('reaction')
      .innerJoin('live_verdict as verdict', 'verdict.id', 'reaction.verdict_id')
      .innerJoin('live_interval as live', 'live.id', 'verdict.live_id')
      .select('reaction.done')
      .where('live.function_name', '=', name)
      .where('live.alias', '=', 'prod')
      .execute()
    const freeze = await snapshot
      .selectFrom('freeze')
      .select('scope')
      .where('scope', '=', `${name}:prod`)
      .execute()
    const refused = await snapshot
      .selectFrom('version_refusal')
      .select('version')
      .where('function_name', '=', name)
      .where('version', '=', '2')
      .execute()
    const alias = await snapshot
      .selectFrom('alias')
      .innerJoin('function', 'function.id', 'alias.function_id')
      .select('alias.version')
      .where('function.name', '=', name)
      .where('alias.name', '=', 'prod')
      .executeTakeFirstOrThrow()
    return {
      reactions: [...new Set(reactions.map(({ done }) => done))].toSorted(),
      effects: [
        ...(freeze.length > 0 ? ['freeze'] : []),
        ...(refused.length > 0 ? ['refuse'] : []),
        ...(alias.version === '1' ? ['revert'] : []),
      ],
    }
  })
}

/** A reaction is there with its effect, or neither is. */
async function wrongHalf(data: string, target: Target): Promise<string[]> {
  const { reactions, effects } = await found(data, target)
  if (reactions.join() === effects.join()) return []
  return [`half a reaction: rows say [${reactions.join()}], and so is [${effects.join()}]`]
}

async function ledgerSize(data: string): Promise<number> {
  await using reader = openReader(join(data, 'lacre.db'))
  const head = await reader.selectFrom('ledger_head').select('size').executeTakeFirstOrThrow()
  return head.size
}

/** Of version 1 alone may become live what stands in the ledger after the answer. */
async function wrongIntervals(data: string, { name }: Target, size: number): Promise<string[]> {
  await using reader = openReader(join(data, 'lacre.db'))
  const rows = await reader
    .selectFrom('live_interval')
    .select(['alias', 'version', 'from_index'])
    .where('function_name', '=', name)
    .where('version', '<>', '1')
    .where('from_index', '>=', size)
    .execute()
  return rows.map(
    (row) =>
      `${name}:${row.alias} became live with version ${row.version} by entry ${row.from_index}, answered at size ${size}`,
  )
}

/** What callers see. */
async function wrongNow(service: Service, { name, reaction }: Target): Promise<string[]> {
  const client = service.client()
  const call = new InvokeCommand({ FunctionName: name, Qualifier: 'prod' })
  const answer = await client.send(call).catch((error: unknown) => error)
  client.destroy()
  const refused = answer instanceof LambdaServiceException
  const status = refused ? answer.$metadata.httpStatusCode : 200
  const expected = reaction === 'refuse' ? 403 : 200
  if (status !== expected) return [`prod answers ${status}, not ${expected}, after ${reaction}`]
  const version = refused ? '' : (answer as { ExecutedVersion?: string }).ExecutedVersion
  return reaction === 'revert' && version !== '1' ? [`prod runs version ${version}`] : []
}
