import {
  CreateAliasCommand,
  PublishVersionCommand,
  type LambdaClient,
} from '@aws-sdk/client-lambda'

import { openConsole, type ConsoleClient } from '../support/console-client.ts'
import { createActive } from '../support/functions.ts'
import { startService, type Service } from '../support/service.ts'
import type { Figure } from './run.ts'
import { median } from './statistics.ts'

const SIZE = 10_000
const ALIASES_EACH = 100
const CLIENTS = 4
const WARM = 3
const RUNS = 15

interface Taken {
  readonly firstByteMs: number
  readonly wholeMs: number
  readonly bytes: number
}

/** The Live page over ten thousand aliases, as a browser asks for it: to the first byte, and what comes over the wire. */
export async function consoleBench(): Promise<readonly Figure[]> {
  await using service = await startService({ args: ['--isolation', 'process'] })
  const wanted = Number(process.env['CONSOLE_ALIASES'] ?? SIZE)
  await fill(service, wanted)
  const visitor = await openConsole(service.admin)
  const figures: Figure[] = []
  for (const [name, path] of [
    // What any page takes here, with a session and its authorization and nothing to read.
    ['a page that reads nothing', '/evidence'],
    ['live page', '/live'],
    ['live page, a name searched', '/live?search=bench-7:a42'],
    ['live page, a state', '/live?state=compliant'],
    ['live page, all names', '/live?names=all'],
    ['live page an hour ago, with the difference', '/live?back=1'],
  ] as const) {
    const taken: Taken[] = []
    for (let run = 0; run < WARM + RUNS; run += 1) {
      const one = await take(visitor, path)
      if (run >= WARM) taken.push(one)
    }
    const middle = (of: (one: Taken) => number): number => median(taken.map(of))
    figures.push(
      { name: `${name}: first byte`, value: middle((one) => one.firstByteMs), unit: 'ms' },
      { name: `${name}: all of it`, value: middle((one) => one.wholeMs), unit: 'ms' },
      { name: `${name}: size`, value: middle((one) => one.bytes) / 1_000, unit: 'kB' },
    )
  }
  return figures
}

async function fill(service: Service, size: number): Promise<void> {
  const names = Array.from({ length: size / ALIASES_EACH }, (_, at) => `bench-${at}`)
  const clients: LambdaClient[] = Array.from({ length: CLIENTS }, () => service.client(5))
  await Promise.all(
    clients.map(async (client) => {
      for (let name = names.pop(); name !== undefined; name = names.pop()) {
        await createActive(client, name)
        await client.send(new PublishVersionCommand({ FunctionName: name }))
        for (let at = 0; at < ALIASES_EACH; at += 1) {
          const alias = { FunctionName: name, Name: `a${at}`, FunctionVersion: '1' }
          await client.send(new CreateAliasCommand(alias))
        }
      }
      client.destroy()
    }),
  )
}

async function take(visitor: ConsoleClient, path: string): Promise<Taken> {
  const startedMs = performance.now()
  const answer = await visitor.get(path)
  const firstByteMs = performance.now() - startedMs
  const body = await answer.arrayBuffer()
  if (answer.status !== 200) throw new Error(`${path} answered ${answer.status}`)
  return { firstByteMs, wholeMs: performance.now() - startedMs, bytes: body.byteLength }
}
