import { createHash, type Hash } from 'node:crypto'
import type { Readable } from 'node:stream'

import { PlatformError } from '../model/index.ts'
import type { TempFile } from '../operations/index.ts'

import { ClientGone } from './client-gone.ts'
import { tooMany, type IntakeBudget } from './intake-budget.ts'

/** Below this a body stays in memory and is worked on where it is (CONTRACTS "Artifact"). */
export const MEMORY_BODY_LIMIT_BYTES = 262_144

export interface IntakeOptions {
  readonly budget: IntakeBudget
  /** The size beyond which `tooLarge` is thrown. */
  readonly limitBytes: number
  readonly tooLarge: () => PlatformError
  /** Where larger bodies go; without it all of the body stays in memory. */
  readonly createTemp: (() => Promise<TempFile>) | undefined
  /** A client that sends nothing for so long is told to go. */
  readonly idleMs: number
  readonly declaredBytes: number | undefined
}

/**
 * A body taken in whole and hashed, in memory or in a file that goes when disposed of. Nothing has looked into it yet.
 */
export class TakenBody implements AsyncDisposable {
  readonly #budget: IntakeBudget
  readonly #hash: Hash = createHash('sha256')
  #chunks: Uint8Array[] = []
  #memoryBytes = 0
  #spooling = false
  #file: TempFile | undefined
  #sizeBytes = 0
  #sha256 = ''

  constructor(budget: IntakeBudget) {
    this.#budget = budget
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  /** Lower-case hex. */
  get sha256(): string {
    if (this.#sha256 === '') this.#sha256 = this.#hash.digest('hex')
    return this.#sha256
  }

  get file(): TempFile | undefined {
    return this.#file
  }

  /** The bytes, where they stayed in memory. */
  bytes(): Uint8Array {
    const [only] = this.#chunks
    return this.#chunks.length === 1 && only !== undefined ? only : Buffer.concat(this.#chunks)
  }

  /** @throws PlatformError TOO_MANY_REQUESTS, OUT_OF_SPACE */
  async add(chunk: Uint8Array, createTemp: IntakeOptions['createTemp']): Promise<void> {
    this.#sizeBytes += chunk.byteLength
    this.#hash.update(chunk)
    if (this.#file !== undefined) return await this.#file.write(chunk)
    const small = createTemp === undefined || this.#sizeBytes <= MEMORY_BODY_LIMIT_BYTES
    if (small && this.#budget.tryMemory(chunk.byteLength)) {
      this.#memoryBytes += chunk.byteLength
      this.#chunks.push(chunk)
    } else if (createTemp === undefined) throw tooMany()
    else await this.#spool(chunk, createTemp)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#freeMemory()
    if (this.#spooling) this.#budget.freeSpool()
    this.#spooling = false
    await this.#file?.[Symbol.asyncDispose]()
  }

  async #spool(chunk: Uint8Array, createTemp: () => Promise<TempFile>): Promise<void> {
    this.#budget.takeSpool()
    this.#spooling = true
    this.#file = await createTemp()
    for (const held of this.#chunks) await this.#file.write(held)
    this.#freeMemory()
    await this.#file.write(chunk)
  }

  #freeMemory(): void {
    this.#budget.freeMemory(this.#memoryBytes)
    this.#memoryBytes = 0
    this.#chunks = []
  }
}

/**
 * Takes the whole body in. On any failure nothing is kept; the stream is left paused, for the answer still has to go.
 * @throws PlatformError what `tooLarge` makes, REQUEST_TIMEOUT, TOO_MANY_REQUESTS, OUT_OF_SPACE; ClientGone
 */
export async function takeBody(stream: Readable, options: IntakeOptions): Promise<TakenBody> {
  if ((options.declaredBytes ?? 0) > options.limitBytes) throw options.tooLarge()
  const body = new TakenBody(options.budget)
  try {
    await readStream(stream, options.idleMs, async (chunk) => {
      if (body.sizeBytes + chunk.byteLength > options.limitBytes) throw options.tooLarge()
      await body.add(chunk, options.createTemp)
    })
    return body
  } catch (error) {
    await body[Symbol.asyncDispose]()
    throw error
  }
}

/** One chunk at a time, the stream paused while it is worked on: backpressure reaches the client. */
export async function readStream(
  stream: Readable,
  idleMs: number,
  onChunk: (chunk: Uint8Array) => Promise<void>,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    let busy = false
    let ended = false
    const settle = (finish: () => void): void => {
      clearTimeout(timer)
      stream.pause()
      stream.off('data', onData).off('end', onEnd).off('error', onGone).off('close', onGone)
      // Whatever breaks on the stream later has nobody left to tell.
      stream.on('error', () => undefined)
      finish()
    }
    const fail = (error: unknown): void =>
      settle(() => reject(error instanceof Error ? error : new Error(String(error))))
    const timer = setTimeout(
      () => fail(new PlatformError('REQUEST_TIMEOUT', 'the request body came too slowly')),
      idleMs,
    )
    const onData = (chunk: Uint8Array): void => {
      timer.refresh()
      busy = true
      stream.pause()
      onChunk(chunk).then(() => {
        busy = false
        timer.refresh()
        if (ended) settle(resolve)
        else stream.resume()
      }, fail)
    }
    const onEnd = (): void => {
      ended = true
      if (!busy) settle(resolve)
    }
    const onGone = (cause?: unknown): void => {
      if (!ended) fail(new ClientGone('the client went away', { cause }))
    }
    stream.on('data', onData).on('end', onEnd).on('error', onGone).on('close', onGone)
    if (stream.readableEnded) onEnd()
    else if (stream.destroyed) onGone()
  })
}
