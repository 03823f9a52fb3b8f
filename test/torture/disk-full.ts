// The disk is filled to the last byte, again and again: what reads goes on, what writes is told so, and all recovers by itself.
import { spawnSync } from 'node:child_process'
import {
  closeSync,
  fstatSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import {
  GetFunctionCommand,
  InvokeCommand,
  LambdaServiceException,
  TagResourceCommand,
  waitUntilPublishedVersionActive,
  type LambdaClient,
} from '@aws-sdk/client-lambda'

import { startService, type Service } from '../support/service.ts'
import type { TortureClient } from './client.ts'
import { judgeRestart } from './judge.ts'
import { makeClients, startOver } from './kill.ts'
import { latestCheckpoint, OutsideEvidence } from './outside.ts'
import { Seeded } from './seeded.ts'
import { create, nextStep, publish } from './steps.ts'

/** Enough for the service and every round's writes. */
const DISK_BYTES = 192 * 2 ** 20
/** RELIABILITY, row 4. */
const RECOVERY_LIMIT_MS = 10_000
const POLL_MS = 100
/** Changes that are tried while there is no room. */
const TRIED = 12
const INVOKED = 5
const OUT_OF_SPACE = 503
const BLOCK_BYTES = 2 ** 20

/** Answers how many times the disk was full and something did not hold. */
export async function torture({ n, seed }: { n: number; seed: number }): Promise<number> {
  const chance = new Seeded(seed)
  const disk = mkdtempSync(join(tmpdir(), 'lacre-disk-'))
  const mount = ['-t', 'tmpfs', '-o', `size=${DISK_BYTES},mode=700`, 'lacre-torture', disk]
  if (spawnSync('mount', mount).status !== 0) {
    console.log('disk: skipped, a file system of a size of its own cannot be mounted here')
    rmSync(disk, { recursive: true })
    return 0
  }
  let failed = 0
  try {
    await using service = await startService({ data: join(disk, 'data') })
    const [client] = await makeClients(service, seed)
    if (client === undefined) throw new Error('there are no clients')
    client.tolerates = (status) => status === OUT_OF_SPACE
    const sdk = service.client()
    await prepare(sdk, client)
    using outside = new OutsideEvidence(await latestCheckpoint(service))
    console.log(`disk: full ${n} times, seed ${seed}`)
    for (let index = 1; index <= n; index += 1) {
      outside.keep(await latestCheckpoint(service))
      const leftBytes = chance.integer(0, 16) * 4_096
      const { refused, wrong, recoveryMs } = await fillOnce(sdk, client, { disk, leftBytes })
      wrong.push(...(await judgeRestart(service, [client], { chance, outside })))
      const say = wrong.length === 0 ? 'ok' : 'FAILED'
      console.log(
        `  ${index}/${n} ${leftBytes} bytes left: ${refused} refused, recovered in ${recoveryMs} ms, ${say}`,
      )
      for (const line of wrong) console.log(`    ${line}`)
      if (wrong.length === 0) continue
      failed += 1
      await startOver(service, [client])
      await prepare(sdk, client)
    }
    sdk.destroy()
    failed += await afterRestart(service, client, { chance, outside })
    console.log(`disk: ${n} done, ${failed} failed (seed ${seed})`)
  } finally {
    spawnSync('umount', ['--lazy', disk])
    rmSync(disk, { recursive: true, force: true })
  }
  return failed
}

/** A function that can be read and invoked whatever becomes of the disk. */
async function prepare(sdk: LambdaClient, client: TortureClient): Promise<void> {
  const name = client.functionNames[0] ?? ''
  await client.once(sdk, create(client.shop, client.now, name))
  await client.once(sdk, publish(client.now, name))
  await waitUntilPublishedVersionActive(
    { client: sdk, maxWaitTime: 60 },
    { FunctionName: name, Qualifier: '1' },
  )
  await readAndInvoke(sdk, name)
}

async function fillOnce(
  sdk: LambdaClient,
  client: TortureClient,
  by: { readonly disk: string; readonly leftBytes: number },
): Promise<{ refused: number; wrong: string[]; recoveryMs: number }> {
  const filler = join(by.disk, 'filler')
  const [name = ''] = client.functionNames
  const wrong: string[] = []
  fill(filler, by.leftBytes)
  for (let tried = 0; tried < TRIED && client.uncertain === undefined; tried += 1) {
    const step = nextStep(client.shop, client.now)
    // What is read below must stay.
    if (step.after.functions[name] !== undefined) await client.once(sdk, step)
  }
  for (let count = 0; count < INVOKED; count += 1) wrong.push(...(await readAndInvoke(sdk, name)))
  rmSync(filler)
  const started = performance.now()
  while (!(await canChange(sdk, name))) {
    if (performance.now() - started > RECOVERY_LIMIT_MS) {
      wrong.push(`no change passed ${RECOVERY_LIMIT_MS} ms after there was room again`)
      break
    }
    await sleep(POLL_MS)
  }
  const recoveryMs = Math.round(performance.now() - started)
  return { refused: client.uncertain === undefined ? 0 : 1, wrong, recoveryMs }
}

/** To the last byte, and then so much less. */
function fill(path: string, leftBytes: number): void {
  const file = openSync(path, 'w')
  try {
    for (let bytes = BLOCK_BYTES; bytes >= 1;) {
      try {
        writeSync(file, Buffer.alloc(bytes))
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
        bytes = Math.floor(bytes / 2)
      }
    }
    ftruncateSync(file, Math.max(0, fstatSync(file).size - leftBytes))
  } finally {
    closeSync(file)
  }
}

async function readAndInvoke(sdk: LambdaClient, name: string): Promise<string[]> {
  try {
    await sdk.send(new GetFunctionCommand({ FunctionName: name }))
    const input = { FunctionName: name, Qualifier: '1', Payload: '{}' }
    const { FunctionError } = await sdk.send(new InvokeCommand(input))
    return FunctionError === undefined ? [] : [`with a full disk: the function answered an error`]
  } catch (error) {
    return [`with a full disk: ${String(error)}`]
  }
}

/** A change that nothing here is compared with. */
async function canChange(sdk: LambdaClient, name: string): Promise<boolean> {
  const Resource = `arn:aws:lambda:us-east-1:000000000000:function:${name}`
  try {
    await sdk.send(new TagResourceCommand({ Resource, Tags: { at: String(performance.now()) } }))
    return true
  } catch (error) {
    if (error instanceof LambdaServiceException && error.$metadata.httpStatusCode === OUT_OF_SPACE)
      return false
    throw error
  }
}

/** What was acknowledged beside a full disk is there after a restart too. */
async function afterRestart(
  before: Service,
  client: TortureClient,
  by: { chance: Seeded; outside: OutsideEvidence },
): Promise<number> {
  await before.stop()
  await using service = await startService({ data: before.data })
  const wrong = await judgeRestart(service, [client], by)
  for (const line of wrong) console.log(`    after a restart: ${line}`)
  return wrong.length === 0 ? 0 : 1
}
