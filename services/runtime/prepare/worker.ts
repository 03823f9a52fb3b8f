import { parentPort } from 'node:worker_threads'

import { endsBy } from '../../model/index.ts'

import { perform, toFailure, type Task } from './tasks.ts'

const port = parentPort
port?.on('message', (message: { id: number; task: Task }) => {
  if (endsBy(message, port)) return
  perform(message.task).then(
    (result) => port.postMessage({ id: message.id, result }),
    (cause: unknown) => port.postMessage({ id: message.id, failure: toFailure(cause) }),
  )
})
