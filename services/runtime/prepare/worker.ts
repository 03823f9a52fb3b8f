import { parentPort } from 'node:worker_threads'

import { perform, toFailure, type Task } from './tasks.ts'

parentPort?.on('message', (message: { id: number; task: Task }) => {
  perform(message.task).then(
    (result) => parentPort?.postMessage({ id: message.id, result }),
    (cause: unknown) => parentPort?.postMessage({ id: message.id, failure: toFailure(cause) }),
  )
})
