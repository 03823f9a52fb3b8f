import { once } from 'node:events'
import { parentPort, workerData, type MessagePort } from 'node:worker_threads'

import { PlatformError, endQuietly } from '../../model/index.ts'

import {
  NEXT_PIECE,
  fileChunks,
  startReading,
  type BodyMessage,
  type BodyTask,
} from './body-tasks.ts'

/** One worker, one body: a hostile one takes nothing down with it. */
async function serve(port: MessagePort, task: BodyTask): Promise<void> {
  const send = (message: BodyMessage): void => port.postMessage(message)
  const pieces: Uint8Array[] = []
  const flush = async (): Promise<void> => {
    // A writer that escapes the slashes of base64 makes a piece of every few bytes.
    const bytes = Buffer.concat(pieces.splice(0))
    if (bytes.byteLength === 0) return
    send({ kind: 'zip', bytes })
    // One piece at a time: the main thread writes it before the next is made.
    const [answer] = (await once(port, 'message')) as unknown[]
    if (answer !== NEXT_PIECE) throw new PlatformError('UNAVAILABLE', 'nobody takes the body')
  }
  try {
    const reading = startReading(task.member, (bytes) => pieces.push(bytes))
    for (const chunk of fileChunks(task.path)) {
      reading.push(chunk)
      await flush()
    }
    send({ kind: 'done', ...reading.finish() })
  } catch (error) {
    const known =
      error instanceof PlatformError
        ? error
        : new PlatformError('INTERNAL', 'the body could not be read', { cause: error })
    const cause = known.cause instanceof Error ? known.cause.stack : undefined
    const detail = { ...known.detail, cause }
    send({ kind: 'error', code: known.code, message: known.message, detail })
  }
}

const port = parentPort
if (port !== null) void serve(port, workerData as BodyTask).finally(() => endQuietly(port))
