import { parentPort } from 'node:worker_threads'

import { PlatformError, endsBy } from '../model/index.ts'
import type { TaskAnswer } from './offload.ts'

export type TaskHandlers = Readonly<Record<string, (argument: never) => unknown>>

/** The worker's side of `Offload`: answers each task with its result, or with the error as plain data. */
export function serveTasks(handlers: TaskHandlers): void {
  const port = parentPort
  port?.on('message', (task: { id: number; name: string; argument: never }) => {
    if (endsBy(task, port)) return
    void answer(handlers, task).then((message) => port.postMessage(message))
  })
}

async function answer(
  handlers: TaskHandlers,
  task: { id: number; name: string; argument: never },
): Promise<TaskAnswer> {
  try {
    const handler = handlers[task.name]
    if (handler === undefined) throw new PlatformError('INTERNAL', `no task \`${task.name}\``)
    return { id: task.id, result: await handler(task.argument) }
  } catch (cause) {
    const error =
      cause instanceof PlatformError
        ? cause
        : new PlatformError('INTERNAL', 'the work could not be finished', { cause })
    const detail = { ...error.detail, cause: String((cause as Error).stack) }
    return { id: task.id, error: { code: error.code, message: error.message, detail } }
  }
}
