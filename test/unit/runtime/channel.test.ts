import { PassThrough, type Duplex } from 'node:stream'

import { describe, expect, test } from 'vitest'

import { FROM_RUNTIME, serveChannel } from '../../../services/runtime/channel.ts'
import { encodeFrame } from '../../../services/runtime/frames.ts'
import { RuntimeSession, type Answer } from '../../../services/runtime/session.ts'

const ID = '8476a536-e9f4-11e8-9739-2dfe598c3fcd'

/** A channel whose runtime is the test, with an invocation in hand. */
function open() {
  const channel = new PassThrough()
  const pieces: string[] = []
  const answers: Answer[] = []
  const violations: string[] = []
  const state = { room: undefined as Promise<void> | undefined }
  const session = new RuntimeSession({
    ready: () => undefined,
    answered: (answer) => answers.push(answer),
    initFailed: () => undefined,
    streamBegun: (contentType) => pieces.push(`begun ${contentType}`),
    piece: (bytes) => {
      pieces.push(Buffer.from(bytes).toString())
      return state.room
    },
  })
  const write = channel.write.bind(channel)
  // What the service writes goes nowhere: the test looks at one direction alone.
  const duplex = Object.assign(channel, { write: () => true }) as unknown as Duplex
  serveChannel(duplex, session, {
    violated: (reason) => violations.push(reason),
    memory: () => undefined,
  })
  const send = (kind: number, ...parts: readonly (string | Buffer)[]): void => {
    write(encodeFrame(Buffer.of(kind), ...parts.map((part) => Buffer.from(part))))
  }
  send(FROM_RUNTIME.next, Buffer.alloc(4))
  return { send, pieces, answers, violations, state, session }
}

async function running() {
  const opened = open()
  await expect.poll(() => opened.session.state).toBe('Ready')
  opened.session.invoke({
    requestId: ID,
    deadlineMs: 1,
    invokedArn: 'arn',
    traceId: undefined,
    clientContext: undefined,
    payload: Buffer.from('{}'),
  })
  return opened
}

describe('an answer in pieces on the private channel', () => {
  test('passes on as it comes and ends once', async () => {
    const { send, pieces, answers } = await running()

    send(FROM_RUNTIME.stream, ID, 'text/html')
    send(FROM_RUNTIME.piece, 'a')
    send(FROM_RUNTIME.piece, 'b')
    send(FROM_RUNTIME.end, ID)

    await expect.poll(() => answers).toEqual([{ kind: 'streamed', error: undefined }])
    expect(pieces).toEqual(['begun text/html', 'a', 'b'])
  })

  test('is read no further while its receiver is behind', async () => {
    const { send, pieces, answers, state } = await running()
    let free = (): void => undefined
    state.room = new Promise((resolve) => (free = resolve))
    send(FROM_RUNTIME.stream, ID, '')
    send(FROM_RUNTIME.piece, 'a')
    await expect.poll(() => pieces).toContain('a')

    send(FROM_RUNTIME.piece, 'b')
    await new Promise((resolve) => setTimeout(resolve, 20))
    const heldBack = [...pieces]
    state.room = undefined
    free()
    send(FROM_RUNTIME.end, ID)

    await expect.poll(() => answers).toHaveLength(1)
    expect(heldBack).toEqual(['begun ', 'a'])
    expect(pieces).toEqual(['begun ', 'a', 'b'])
  })

  test('carries the error that ended it', async () => {
    const { send, answers } = await running()

    send(FROM_RUNTIME.stream, ID, '')
    send(FROM_RUNTIME.end, ID, '{"errorType":"E"}')

    await expect
      .poll(() => answers)
      .toEqual([{ kind: 'streamed', error: { payload: Buffer.from('{"errorType":"E"}') } }])
  })

  test.each<[string, (send: Awaited<ReturnType<typeof running>>['send']) => void]>([
    ['a piece before the answer began', (send) => send(FROM_RUNTIME.piece, 'a')],
    ['an end before the answer began', (send) => send(FROM_RUNTIME.end, ID)],
    [
      'a stream for another request',
      (send) => send(FROM_RUNTIME.stream, '0'.repeat(36), 'text/html'),
    ],
    [
      'a second beginning',
      (send) => {
        send(FROM_RUNTIME.stream, ID, '')
        send(FROM_RUNTIME.stream, ID, '')
      },
    ],
    [
      'an answer in the middle of one',
      (send) => {
        send(FROM_RUNTIME.stream, ID, '')
        send(FROM_RUNTIME.response, ID, '{}')
      },
    ],
    [
      'a piece after its end',
      (send) => {
        send(FROM_RUNTIME.stream, ID, '')
        send(FROM_RUNTIME.end, ID)
        send(FROM_RUNTIME.piece, 'late')
      },
    ],
  ])('%s breaks the form', async (_name, act) => {
    const { send, violations, pieces } = await running()

    act(send)

    await expect.poll(() => violations).toHaveLength(1)
    expect(pieces).not.toContain('late')
  })
})
