import { Worker } from 'node:worker_threads'

import { PlatformError, compiledUrl, endThread, limits, type Json } from '../../model/index.ts'
import type { TempFile } from '../../operations/index.ts'
import type { TakenBody } from '../body-intake.ts'

import {
  NEXT_PIECE,
  startReading,
  type BodyMessage,
  type BodyTask,
  type ReadJson,
} from './body-tasks.ts'
import type { JsonObject } from './handler.ts'

const WORKER_HEAP_LIMIT_MB = 96

export interface JsonBody {
  readonly json: JsonObject
  /** Removed by whoever asked for it. */
  readonly zip: TempFile | undefined
}

/**
 * The JSON of a body, and the zip it carried decoded into a file. Small bodies are read here, larger ones in a worker.
 * @throws PlatformError INVALID_REQUEST_CONTENT, INVALID_PARAMETER, REQUEST_TOO_LARGE, OUT_OF_SPACE
 */
export async function readJsonBody(
  body: TakenBody,
  member: readonly string[] | undefined,
  createTemp: () => Promise<TempFile>,
): Promise<JsonBody> {
  if (body.file === undefined && body.sizeBytes <= limits.JSON_BODY_LIMIT_BYTES)
    return await readHere(body.bytes(), member, createTemp)
  const zip = member === undefined ? undefined : await createTemp()
  try {
    const path = body.file?.path
    if (path === undefined) throw new PlatformError('INTERNAL', 'a large body is in no file')
    const read = await readInWorker({ path, member }, zip)
    if (!read.zipFound) await zip?.[Symbol.asyncDispose]()
    return { json: toObject(read, member), zip: read.zipFound ? zip : undefined }
  } catch (error) {
    await zip?.[Symbol.asyncDispose]()
    throw error
  }
}

async function readHere(
  bytes: Uint8Array,
  member: readonly string[] | undefined,
  createTemp: () => Promise<TempFile>,
): Promise<JsonBody> {
  const pieces: Uint8Array[] = []
  const reading = startReading(member, (piece) => pieces.push(piece))
  reading.push(bytes)
  const read = reading.finish()
  const json = toObject(read, member)
  if (!read.zipFound) return { json, zip: undefined }
  const zip = await createTemp()
  try {
    for (const piece of pieces) await zip.write(piece)
    return { json, zip }
  } catch (error) {
    await zip[Symbol.asyncDispose]()
    throw error
  }
}

async function readInWorker(task: BodyTask, zip: TempFile | undefined): Promise<ReadJson> {
  const worker = new Worker(compiledUrl(import.meta.url, './body-worker.js'), {
    workerData: task,
    resourceLimits: { maxOldGenerationSizeMb: WORKER_HEAP_LIMIT_MB },
  })
  try {
    return await new Promise<ReadJson>((resolve, reject) => {
      const take = async (message: BodyMessage): Promise<void> => {
        if (message.kind === 'zip') {
          await zip?.write(message.bytes)
          worker.postMessage(NEXT_PIECE)
        } else if (message.kind === 'done') resolve(message)
        else reject(new PlatformError(message.code, message.message, { detail: message.detail }))
      }
      worker.on('message', (message: BodyMessage) => void take(message).catch(reject))
      worker.on('error', reject)
      worker.on('exit', () => reject(new PlatformError('INTERNAL', 'the body reader ended')))
    })
  } finally {
    // Nobody waits for it: it has nothing more to say.
    void endThread(worker)
  }
}

/** The body as an object, without the emptied member. */
function toObject(read: ReadJson, member: readonly string[] | undefined): JsonObject {
  if (!isObject(read.json)) throw misplaced('the body must be a JSON object')
  if (member === undefined) return read.json
  const parent = member.length === 1 ? read.json : read.json[member[0] ?? '']
  const last = member.at(-1) ?? ''
  if (!isObject(parent) || parent[last] === undefined) return read.json
  if (!read.zipFound && parent[last] !== null)
    throw misplaced(`\`${member.join('.')}\` must be a base64 text`)
  const { [last]: _zip, ...others } = parent
  return member.length === 1 ? others : { ...read.json, [member[0] ?? '']: others }
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Sound JSON of another shape: AWS's SerializationException. */
function misplaced(message: string): PlatformError {
  return new PlatformError('INVALID_PARAMETER', message, {
    detail: { awsType: 'SerializationException' },
  })
}
