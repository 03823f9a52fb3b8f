import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'

import type { Shot } from './wrk.ts'

const PEERS = join(import.meta.dirname, 'peers')
const START_LIMIT_MS = 30_000
const POLL_MS = 100

export interface Peer {
  readonly name: string
  /** A request of now: signatures have a time. */
  readonly shot: () => Promise<Shot>
}

interface Known {
  readonly name: string
  readonly command: (port: number, other: number) => readonly string[]
  readonly path: string
  readonly body?: (body: string) => string
}

const bin = (name: string): string => join(PEERS, 'node_modules', name)
const offlinePorts = (http: number, lambda: number): readonly string[] => [
  '--host',
  '127.0.0.1',
  '--httpPort',
  String(lambda),
  '--lambdaPort',
  String(http),
]

const KNOWN: readonly Known[] = [
  {
    name: 'fastify',
    command: (port) => [process.execPath, join(PEERS, 'fastify.mjs'), String(port)],
    path: '/echo',
  },
  {
    name: 'workerd',
    command: (port) => [
      bin('@cloudflare/workerd-linux-64/bin/workerd'),
      'serve',
      'workerd.capnp',
      '--socket-addr',
      `http=127.0.0.1:${port}`,
    ],
    path: '/',
  },
  {
    name: 'lambda-local',
    command: (port) => [
      process.execPath,
      bin('lambda-local/build/cli.js'),
      '--lambda-path',
      'handler.js',
      '--handler',
      'handler',
      '--watch',
      String(port),
    ],
    path: '/',
    body: (event) => `{"event":${event}}`,
  },
  {
    name: 'serverless-offline',
    command: (port, other) => [
      process.execPath,
      bin('serverless/bin/serverless.js'),
      'offline',
      ...offlinePorts(port, other),
    ],
    path: '/2015-03-31/functions/peers-dev-echo/invocations',
  },
]

export interface Peers extends AsyncDisposable {
  readonly list: readonly Peer[]
}

/** Those that are installed, each in a process of its own, ready. */
export async function startPeers(body: string): Promise<Peers> {
  const children: ChildProcess[] = []
  const stop = async (): Promise<void> => {
    for (const child of children) child.kill('SIGKILL')
  }
  try {
    return { list: await startAll(body, children), [Symbol.asyncDispose]: stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function startAll(body: string, children: ChildProcess[]): Promise<readonly Peer[]> {
  const list: Peer[] = []
  for (const known of KNOWN) {
    const [port, other] = [await freePort(), await freePort()]
    const [file = '', ...args] = known.command(port, other)
    if (!existsSync(args[0]?.startsWith('/') === true ? args[0] : file)) {
      console.error(`${known.name} is not installed: npm ci --prefix test/bench/peers`)
      continue
    }
    const env = {
      PATH: process.env['PATH'],
      HOME: PEERS,
      SLS_TELEMETRY_DISABLED: '1',
      SLS_NOTIFICATIONS_MODE: 'off',
    }
    children.push(spawn(file, args, { cwd: PEERS, stdio: 'ignore', env }))
    const shot: Shot = {
      url: `http://127.0.0.1:${port}${known.path}`,
      headers: { 'content-type': 'application/json' },
      body: known.body?.(body) ?? body,
    }
    await answers(known.name, shot)
    list.push({ name: known.name, shot: async () => shot })
  }
  return list
}

async function answers(name: string, { url, headers, body }: Shot): Promise<void> {
  const limit = performance.now() + START_LIMIT_MS
  while (performance.now() < limit) {
    const response = await fetch(url, { method: 'POST', headers, body }).catch(() => undefined)
    await response?.arrayBuffer()
    if (response?.ok === true) return
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
  throw new Error(`${name} did not answer within ${START_LIMIT_MS / 1_000} s`)
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
