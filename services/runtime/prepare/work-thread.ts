import { Worker } from 'node:worker_threads'

import { PlatformError, endThread } from '../../model/index.ts'

import type { Task, TaskFailure, TaskResult } from './tasks.ts'

const HEAP_LIMIT_MB = 256

/** What the runtime needs done on trees. */
export interface TreeWork {
  run(task: Task): Promise<TaskResult>
}

interface Waiting {
  readonly resolve: (result: TaskResult) => void
  readonly reject: (cause: Error) => void
}

/** One worker thread, started at the first task and again should it die. */
export class WorkThread implements TreeWork, AsyncDisposable {
  readonly #path: string
  readonly #waiting = new Map<number, Waiting>()
  #worker: Worker | undefined
  #next = 0

  constructor(path: string) {
    this.#path = path
  }

  run(task: Task): Promise<TaskResult> {
    const worker = (this.#worker ??= this.#start())
    this.#next += 1
    const id = this.#next
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      worker.postMessage({ id, task })
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#worker !== undefined) await endThread(this.#worker)
  }

  #start(): Worker {
    const worker = new Worker(this.#path, {
      resourceLimits: { maxOldGenerationSizeMb: HEAP_LIMIT_MB },
    })
    worker.unref()
    worker.on('message', (message: { id: number; result?: TaskResult; failure?: TaskFailure }) => {
      const waiting = this.#waiting.get(message.id)
      this.#waiting.delete(message.id)
      if (message.failure === undefined) return waiting?.resolve(message.result ?? {})
      const { code, message: text, detail } = message.failure
      waiting?.reject(new PlatformError(code, text, { detail }))
    })
    worker.on('error', (cause) => this.#fail(worker, cause))
    worker.on('exit', () => this.#fail(worker, new Error('the worker ended')))
    return worker
  }

  #fail(worker: Worker, cause: unknown): void {
    if (this.#worker !== worker) return
    this.#worker = undefined
    for (const { reject } of this.#waiting.values()) {
      reject(new PlatformError('ACTIVATION_FAILED', 'the package could not be prepared', { cause }))
    }
    this.#waiting.clear()
  }
}
