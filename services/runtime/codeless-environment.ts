import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

import { limits } from '../model/index.ts'

import { encodeInvocation, FROM_RUNTIME } from './channel.ts'
import type { CodelessStart } from './codeless-start.ts'
import { ASSIGNMENT_MS } from './constants.ts'
import { envelopeText } from './envelope.ts'
import { sandboxVariables } from './environment-variables.ts'
import { encodeFrame } from './frames.ts'
import type { EnvironmentHandle, Isolation, StartListener, StartRequest } from './handle.ts'
import type { Invocation } from './session.ts'

/** Kinds alone, and a length before each. */
const WORD_BYTES = 5

/** What a runtime practises on before it has code: nobody's invocation. */
export const REHEARSAL: Invocation = {
  requestId: '00000000-0000-0000-0000-000000000000',
  deadlineMs: 0,
  invokedArn: '',
  traceId: undefined,
  clientContext: undefined,
  payload: Buffer.from('{}'),
}

/** An environment that waits, booted, for its code and for what it is to be. It becomes one release's, once and for life. */
export class CodelessEnvironment {
  readonly slot: string
  readonly #handle: EnvironmentHandle
  readonly #listener: LateListener
  readonly #isolation: Isolation

  private constructor(
    slot: string,
    started: { isolation: Isolation; handle: EnvironmentHandle; listener: LateListener },
  ) {
    this.slot = slot
    this.#isolation = started.isolation
    this.#handle = started.handle
    this.#listener = started.listener
  }

  /** Resolves once it waits. @throws Error where it does not come to that; nothing of it is left then */
  static async start(
    isolation: Isolation,
    slot: string,
    start: CodelessStart,
  ): Promise<CodelessEnvironment> {
    const listener = new LateListener()
    let handle: EnvironmentHandle | undefined
    try {
      handle = await isolation.start({ ...start, slot }, listener)
      const channel = handle.connect()
      let word = await nextWord(channel, limits.INIT_TIMEOUT_MS)
      if (word === FROM_RUNTIME.rehearsing) {
        channel.write(encodeInvocation(REHEARSAL))
        word = await nextWord(channel, limits.INIT_TIMEOUT_MS)
      }
      if (word !== FROM_RUNTIME.waiting) throw new Error('it does not wait for its code')
      return new CodelessEnvironment(slot, { isolation, handle, listener })
    } catch (cause) {
      handle?.stop()
      await isolation.release(slot)
      throw cause
    }
  }

  get ended(): Promise<unknown> {
    return this.#handle.exited
  }

  /**
   * Shows it its code and tells it what it is; from then on it is an environment as any other.
   * @throws Error where it is not what it was told, and loads nothing: it is to be stopped
   */
  async assign(request: StartRequest, listener: StartListener): Promise<EnvironmentHandle> {
    const { codeDir, assignment } = request
    if (codeDir === undefined || assignment === undefined) throw new TypeError('nothing to assign')
    const { envelope } = assignment
    await this.#handle.assign({ codeDir, envelope })
    const channel = this.#handle.connect()
    const variables = sandboxVariables(request.variables)
    channel.write(encodeAssignment(envelopeText(envelope), variables))
    const word = await nextWord(channel, ASSIGNMENT_MS)
    if (word !== FROM_RUNTIME.assigned) throw new Error('it was told two things, and refused')
    this.#listener.attach(listener)
    return this.#handle
  }

  /** Resolves once nothing of it is left. */
  async stop(): Promise<void> {
    this.#handle.stop()
    await this.#handle.exited
    await this.#isolation.release(this.slot)
  }
}

/** As an invocation: u32le length of a JSON head, head, and no event. */
export function encodeAssignment(
  envelope: string,
  variables: Readonly<Record<string, string>>,
): Buffer {
  const head = Buffer.from(JSON.stringify({ envelope, variables }))
  const length = Buffer.allocUnsafe(4)
  length.writeUInt32LE(head.byteLength, 0)
  return encodeFrame(length, head)
}

/** The kind of the next frame, which holds nothing else; what follows stays unread. @throws Error */
function nextWord(channel: Duplex, waitMs: number): Promise<number> {
  return new Promise((resolve, reject) => {
    let buffered: Buffer = Buffer.alloc(0)
    const end = (): void => {
      clearTimeout(timer)
      channel.pause()
      channel.off('data', take)
      channel.off('close', closed)
    }
    const fail = (message: string): void => {
      end()
      reject(new Error(message))
    }
    const closed = (): void => fail('it ended')
    const timer = setTimeout(() => fail('it did not answer'), waitMs)
    const take = (chunk: Buffer): void => {
      buffered = Buffer.concat([buffered, chunk])
      if (buffered.byteLength < WORD_BYTES) return
      if (buffered.readUInt32LE(0) !== 1) return fail('it does not keep to the form')
      end()
      if (buffered.byteLength > WORD_BYTES) channel.unshift(buffered.subarray(WORD_BYTES))
      resolve(buffered[WORD_BYTES - 1] ?? 0)
    }
    channel.on('data', take)
    channel.on('close', closed)
    channel.resume()
  })
}

/** Keeps what an environment opens until there is somebody to hear it. */
class LateListener implements StartListener {
  #output: Socket | undefined
  #listener: StartListener | undefined

  attach(listener: StartListener): void {
    this.#listener = listener
    if (this.#output !== undefined) listener.output(this.#output)
  }

  output(socket: Socket): void {
    this.#output = socket
    this.#listener?.output(socket)
  }

  extensionOutput(socket: Socket): void {
    socket.destroy()
  }

  records(socket: Socket): void {
    socket.destroy()
  }

  memberEnded(): void {
    // It has no members but its runtime, whose end is its own.
  }

  api(socket: Socket): void {
    socket.destroy()
  }

  egress(socket: Socket): void {
    socket.destroy()
  }
}
