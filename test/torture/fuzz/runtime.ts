import { duplexPair, type Duplex } from 'node:stream'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

import { serveChannel } from '../../../services/runtime/channel.ts'
import { encodeFrame } from '../../../services/runtime/frames.ts'
import { RuntimeApi } from '../../../services/runtime/runtime-api.ts'
import { RuntimeSession } from '../../../services/runtime/session.ts'
import { mutateBytes } from '../mutation/bytes.ts'
import { WrongAnswer, type Target } from './target.ts'

const REQUEST_ID = '00000000-0000-4000-8000-000000000001'
const BASE = '/2018-06-01/runtime'
const INVOCATION = {
  requestId: REQUEST_ID,
  deadlineMs: 1_800_000_000_000,
  invokedArn: 'arn:aws:lambda:us-east-1:000000000000:function:f',
  traceId: 'Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700',
  clientContext: '{"a":"ü\r\n"}',
  payload: Buffer.from('{}'),
}
/** What a client that has said all it will is given to be answered. */
const SETTLE_MS = 2

/** What a runtime says, over HTTP (`h`) or over the frames of our own bootstraps (`f`): the first byte says which. */
export const runtime: Target = {
  seeds: async () => [...httpSeeds(), ...frameSeeds()],
  mutate(input, chance, others) {
    const [kind, rest] = [input.subarray(0, 1), input.subarray(1)]
    if (chance.integer(0, 2) > 0) return Buffer.concat([kind, mutateBytes(rest, chance, others)])
    const other = chance.pick(others)
    return other[0] === kind[0] ? Buffer.concat([input, other.subarray(1)]) : input
  },
  async run(input) {
    const heard: string[] = []
    const session = openSession(heard)
    const [inside, outside] = duplexPair()
    const said = input.subarray(1)
    const answered = input[0] === 0x66 ? talkFrames(session, inside, outside, said) : talkHttp(session, inside, outside, said) // prettier-ignore
    return `${session.state} ${heard.join(' ')}\n${await answered}`
  },
}

/** One that hands an invocation over as often as it is asked. */
function openSession(heard: string[]): RuntimeSession {
  const session: RuntimeSession = new RuntimeSession({
    ready: () => {
      heard.push('ready')
      queueMicrotask(() => {
        if (session.state === 'Ready') session.invoke(INVOCATION)
      })
    },
    answered: ({ kind }) => void heard.push(kind),
    initFailed: () => void heard.push('init failed'),
    streamBegun: () => void heard.push('stream'),
    piece: () => undefined,
  })
  return session
}

async function talkHttp(
  session: RuntimeSession,
  inside: Duplex,
  outside: Duplex,
  said: Buffer,
): Promise<string> {
  const api = new RuntimeApi(session)
  api.serve(inside as Socket)
  const text = await converse(outside, said)
  const statuses = [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => status ?? '')
  if (statuses.some((status) => status.startsWith('5')))
    throw new WrongAnswer(`the Runtime API answered ${statuses.join()}`)
  return statuses.join()
}

async function talkFrames(
  session: RuntimeSession,
  inside: Duplex,
  outside: Duplex,
  said: Buffer,
): Promise<string> {
  const violations: string[] = []
  serveChannel(inside, session, {
    violated: (reason) => void violations.push(reason.replace(/\d+/g, '*')),
    memory: () => undefined,
  })
  await converse(outside, said)
  return violations.slice(0, 3).join()
}

/** Says it in pieces, ends, and takes what comes back. */
async function converse(outside: Duplex, said: Buffer): Promise<string> {
  let text = ''
  outside.on('data', (chunk: Buffer) => {
    if (text.length < 65_536) text += chunk.toString('latin1')
  })
  outside.on('error', () => undefined)
  const closed = new Promise((resolve) => outside.once('close', resolve))
  const middle = Math.floor(said.length / 2)
  outside.write(said.subarray(0, middle))
  await new Promise(setImmediate)
  outside.end(said.subarray(middle))
  await Promise.race([closed, sleep(SETTLE_MS)])
  outside.destroy()
  return text
}

function httpSeeds(): Buffer[] {
  const request = (method: string, path: string, headers: string, body: string): string =>
    `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1:9001\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`
  const next = `GET ${BASE}/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n`
  const of = `${BASE}/invocation/${REQUEST_ID}`
  const type = 'Lambda-Runtime-Function-Error-Type: Function.Error\r\n'
  const chunked =
    `POST ${of}/response HTTP/1.1\r\nHost: x\r\nLambda-Runtime-Function-Response-Mode: streaming\r\n` +
    'Transfer-Encoding: chunked\r\nTrailer: Lambda-Runtime-Function-Error-Type\r\n\r\n' +
    '4\r\nabcd\r\n0\r\nLambda-Runtime-Function-Error-Type: Oops\r\nLambda-Runtime-Function-Error-Body: e30=\r\n\r\n'
  return [
    next + request('POST', `${of}/response`, '', '{"ok":1}') + next,
    next + request('POST', `${of}/error`, type, '{"errorMessage":"no"}') + next,
    request('POST', `${BASE}/init/error`, type, '{"errorMessage":"no"}'),
    next + chunked + next,
    next + request('POST', `${of}/response`, 'Lambda-Runtime-Function-Response-Mode: odd\r\n', 'x'),
    request('GET', '/2018-06-01/ping', '', ''),
  ].map((text) => Buffer.from(`h${text}`))
}

function frameSeeds(): Buffer[] {
  const id = Buffer.from(REQUEST_ID)
  const next = encodeFrame(Buffer.of(1, 0, 0x10, 0, 0))
  const frame = (kind: number, ...parts: readonly string[]): Buffer =>
    encodeFrame(Buffer.of(kind), ...parts.map((part) => Buffer.from(part)))
  const own = (kind: number, text: string): Buffer => frame(kind, id.toString(), text)
  return [
    [next, own(2, '{}'), next],
    [next, own(3, '{"errorMessage":"no"}'), next],
    [frame(4, '{"errorMessage":"no"}')],
    [next, own(5, ''), next],
    [next, own(6, 'text/plain'), frame(7, 'a piece'), frame(7, ''), own(8, ''), next],
    [next, own(6, 'text/plain'), frame(7, 'a piece'), own(8, '{"errorMessage":"no"}')],
  ].map((frames) => Buffer.concat([Buffer.from('f'), ...frames]))
}
