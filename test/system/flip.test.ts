import { writeFileSync } from 'node:fs'

import { GetFunctionConfigurationCommand, UpdateFunctionCodeCommand } from '@aws-sdk/client-lambda'
import { expect, test } from 'vitest'

import { runCommandLine } from '../../cli/run.ts'
import { createActive, invoke, refusalOf } from '../support/functions.ts'
import { keptThings } from '../support/kept.ts'
import { nodePackage } from '../support/packages.ts'
import { SealingRoom, createConfig, createPublisher } from '../support/sealing-room.ts'
import { startService } from '../support/service.ts'

/** The bit that is flipped in a byte moves with its place, so that every bit position is met. */
function flipped(zip: Buffer, at: number): Buffer {
  const copy = Buffer.from(zip)
  copy.writeUInt8(copy.readUInt8(at) ^ (1 << (at % 8)), at)
  return copy
}

const verifyRow = {
  name: 'verify',
  summary: '',
  load: () => import('../../cli/commands/verify.ts'),
}
const silent = { write: () => true }

/** `lacre verify FILE --key PUB` as the command runs it, in this process. */
async function verify(file: string, key: string): Promise<number> {
  return await runCommandLine([verifyRow], {
    args: ['verify', file, '--key', `${key}.pub`],
    environment: {},
    out: silent,
    err: silent,
    version: '0',
  })
}

test(
  '`lacre verify` trusts the sealed zip, and none with any one byte flipped',
  { timeout: 300_000 },
  async () => {
    using room = new SealingRoom()
    const key = room.key('ci')
    const zip = room.seal(nodePackage('flip'), key)
    const file = room.file(zip)
    const whole = await verify(file, key)
    const codes = new Set<number>()
    for (let at = 0; at < zip.length; at += 1) {
      writeFileSync(file, flipped(zip, at))
      codes.add(await verify(file, key))
    }

    expect(whole).toBe(0)
    expect([...codes]).toEqual([1])
    expect(zip.length).toBeGreaterThan(500)
  },
)

test(
  'a function under Enforce refuses the sealed zip with any one byte flipped, and nothing of it is kept',
  { timeout: 600_000 },
  async () => {
    using room = new SealingRoom()
    await using service = await startService()
    const client = service.client()
    const key = room.key('ci')
    const config = await createConfig(client, 'Enforce', [createPublisher(service.data, 'ci', key)])
    await createActive(client, 'guarded', {
      Code: { ZipFile: room.seal(nodePackage('first'), key) },
      CodeSigningConfigArn: config,
    })
    const zip = room.seal(nodePackage('second'), key)
    const before = await keptThings(service.data, service.admin)
    const names = new Map<string, number>()
    let next = 0
    const flipAll = async (): Promise<void> => {
      for (let at = next; at < zip.length; at = next) {
        next += 1
        const ZipFile = flipped(zip, at)
        const command = new UpdateFunctionCodeCommand({ FunctionName: 'guarded', ZipFile })
        const { name, status } = await refusalOf(client.send(command))
        names.set(`${status} ${name}`, (names.get(`${status} ${name}`) ?? 0) + 1)
      }
    }
    await Promise.all([flipAll(), flipAll(), flipAll()])
    const after = await keptThings(service.data, service.admin)
    const { payload } = await invoke(client, 'guarded')
    const { CodeSha256 } = await client.send(
      new UpdateFunctionCodeCommand({ FunctionName: 'guarded', ZipFile: zip }),
    )
    const { LastUpdateStatus } = await client.send(
      new GetFunctionConfigurationCommand({ FunctionName: 'guarded' }),
    )
    client.destroy()

    console.log(`flipped each of ${zip.length} bytes: ${JSON.stringify(Object.fromEntries(names))}`)
    const refusals = ['400 InvalidCodeSignatureException', '400 InvalidParameterValueException']
    expect([...names.keys()].filter((name) => !refusals.includes(name))).toEqual([])
    expect([...names.values()].reduce((sum, count) => sum + count, 0)).toBe(zip.length)
    expect(after).toEqual(before)
    expect(payload).toMatchObject({ release: 'first' })
    expect(CodeSha256).toBeDefined()
    expect(['InProgress', 'Successful']).toContain(LastUpdateStatus)
  },
)
