import { Worker } from 'node:worker_threads'

import { PlatformError, endThread, type ErrorCode } from '../model/index.ts'

/** One heap per worker: zips are streamed, so that this is ample (RELIABILITY: 256 MiB an input). */
const WORKER_HEAP_LIMIT_MB = 256

interface Task {
  readonly id: number
  readonly name: string
  readonly argument: unknown
}

/** What a worker answers: the result, or an error in plain data. */
export type TaskAnswer =
  | { readonly id: number; readonly result: unknown }
  | {
      readonly id: number
      readonly error: {
        readonly code: ErrorCode
        readonly message: string
        readonly detail: Readonly<Record<string, unknown>>
      }
    }

interface Waiting {
  readonly resolve: (value: unknown) => void
  readonly reject: (reason: Error) => void
}

interface Thread {
  readonly worker: Worker
  readonly waiting: Map<number, Waiting>
}

/** Runs CPU work over some 5 ms in worker threads (DESIGN §8), the least busy first; a thread that dies is replaced. */
export class Offload {
  readonly #file: URL
  readonly #heapLimitMb: number
  readonly #threads: Thread[] = []
  #nextId = 1
  #closed = false

  constructor(file: URL, threads: number, heapLimitMb = WORKER_HEAP_LIMIT_MB) {
    this.#file = file
    this.#heapLimitMb = heapLimitMb
    for (let i = 0; i < threads; i += 1) this.#threads.push(this.#start())
  }

  /** The argument and the answer are structured clones. */
  async run(name: string, argument: unknown): Promise<unknown> {
    if (this.#closed) throw new PlatformError('UNAVAILABLE', 'the service is stopping')
    const thread = this.#threads.reduce((least, candidate) =>
      candidate.waiting.size < least.waiting.size ? candidate : least,
    )
    const task: Task = { id: this.#nextId, name, argument }
    this.#nextId += 1
    return await new Promise((resolve, reject) => {
      thread.waiting.set(task.id, { resolve, reject })
      thread.worker.postMessage(task)
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    await Promise.all(this.#threads.map(async (thread) => await endThread(thread.worker)))
  }

  #start(): Thread {
    const worker = new Worker(this.#file, {
      resourceLimits: { maxOldGenerationSizeMb: this.#heapLimitMb },
    })
    const thread: Thread = { worker, waiting: new Map() }
    worker.on('message', (answer: TaskAnswer) => settle(thread, answer))
    worker.on('error', (cause) => this.#fail(thread, cause))
    worker.on('exit', () => this.#fail(thread, new Error('the worker ended')))
    worker.unref()
    return thread
  }

  #fail(thread: Thread, cause: unknown): void {
    for (const waiting of thread.waiting.values()) {
      waiting.reject(new PlatformError('INTERNAL', 'the work could not be finished', { cause }))
    }
    thread.waiting.clear()
    const at = this.#threads.indexOf(thread)
    if (at !== -1 && !this.#closed) this.#threads[at] = this.#start()
  }
}

function settle(thread: Thread, answer: TaskAnswer): void {
  const waiting = thread.waiting.get(answer.id)
  thread.waiting.delete(answer.id)
  if (waiting === undefined) return
  if ('result' in answer) waiting.resolve(answer.result)
  else {
    const { code, message, detail } = answer.error
    waiting.reject(new PlatformError(code, message, { detail }))
  }
}
