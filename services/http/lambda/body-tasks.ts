import { closeSync, openSync, readSync } from 'node:fs'

import { PlatformError, parseStrictJson, type ErrorCode, type Json } from '../../model/index.ts'

import { ZipCut, type ZipSink } from './zip-cut.ts'

/** What is done with a body, on the event loop when it is small and in a worker when not. */
export interface BodyTask {
  readonly path: string
  readonly member: readonly string[] | undefined
}

/** What a piece of the zip is answered with. */
export const NEXT_PIECE = 'next'

/** From the worker: pieces of the zip, each answered by `NEXT_PIECE`, then the rest. */
export type BodyMessage =
  | { readonly kind: 'zip'; readonly bytes: Uint8Array }
  | { readonly kind: 'done'; readonly json: Json; readonly zipFound: boolean }
  | {
      readonly kind: 'error'
      readonly code: ErrorCode
      readonly message: string
      readonly detail: Readonly<Record<string, unknown>>
    }

export interface ReadJson {
  readonly json: Json
  readonly zipFound: boolean
}

/** Takes a body in chunks and answers its JSON; the zip goes to the sink. */
export interface JsonReading {
  /** @throws PlatformError INVALID_REQUEST_CONTENT, INVALID_PARAMETER, REQUEST_TOO_LARGE */
  push(chunk: Uint8Array): void
  /** @throws PlatformError INVALID_REQUEST_CONTENT */
  finish(): ReadJson
}

export function startReading(member: readonly string[] | undefined, sink: ZipSink): JsonReading {
  // Nothing lies at depth 0: without a member to look for, all of the body is the rest.
  const cut = new ZipCut(member ?? [], sink)
  return {
    push: (chunk) => cut.push(chunk),
    finish: () => {
      const rest = cut.end()
      return { json: rest.byteLength === 0 ? {} : parseBody(rest), zipFound: cut.found }
    },
  }
}

/** The file in chunks, read synchronously: in a worker thread only. */
export function* fileChunks(path: string, chunkBytes = 1_048_576): Generator<Uint8Array> {
  const fd = openSync(path, 'r')
  try {
    for (;;) {
      const chunk = Buffer.allocUnsafe(chunkBytes)
      const length = readSync(fd, chunk, 0, chunkBytes, null)
      if (length === 0) return
      yield chunk.subarray(0, length)
    }
  } finally {
    closeSync(fd)
  }
}

function parseBody(bytes: Uint8Array): Json {
  try {
    return parseStrictJson(bytes)
  } catch (cause) {
    const reason = cause instanceof PlatformError ? cause.message : 'it cannot be read'
    throw new PlatformError(
      'INVALID_REQUEST_CONTENT',
      `Could not parse request body into json: ${reason}`,
      { cause },
    )
  }
}
