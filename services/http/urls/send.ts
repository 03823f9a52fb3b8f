import type { InvokeAnswer } from '../../operations/index.ts'
import { AnswerPipe, firstOf } from '../answer-pipe.ts'
import { sendStream, type Exchange } from '../wire.ts'

import {
  MalformedAnswer,
  plainHead,
  toAnswer,
  withinPath,
  type UrlAnswer,
  type UrlAnswerHead,
} from './answer.ts'
import { isFieldValue } from './fields.ts'
import { HTTP_RESPONSE_TYPE, PreludeReader } from './prelude.ts'
import { UrlRefusal } from './refusals.ts'

/** The answer being made: what the service adds to it, and how long a client may take. */
export interface Reply {
  readonly exchange: Exchange
  readonly idleMs: number
  /** CORS and trace: they stand, whatever the function says. */
  headers: Readonly<Record<string, string>>
  /** The URL has CORS settings: what the function says of it is not sent (SPEC A14). */
  cors: boolean
  /** Where the URL was named by its path: nothing of the answer reaches beyond it. */
  prefix: string
}

type Running = (receiver: AnswerPipe | undefined) => Promise<InvokeAnswer>

/**
 * Runs the function and sends what it answers, at once or as it comes.
 * @throws UrlRefusal (the function failed), MalformedAnswer, ClientGone, and what `run` throws
 */
export async function sendResult(
  reply: Reply,
  mode: 'BUFFERED' | 'RESPONSE_STREAM',
  run: Running,
): Promise<void> {
  if (mode === 'BUFFERED') return await sendWhole(reply, interpret(succeeded(await run(undefined))))
  const pipe = new AnswerPipe()
  const running = run(pipe)
  const first = await firstOf(pipe, running)
  // Seen at AWS: what does not stream is not looked into either.
  if (first.kind === 'whole') {
    const { payload } = succeeded(first.answer)
    return await sendWhole(reply, { ...plainHead('application/json'), body: payload })
  }
  try {
    await sendPieces(reply, pipe, { contentType: first.start.contentType, running })
  } finally {
    pipe.drop()
  }
}

function succeeded(answer: InvokeAnswer): InvokeAnswer {
  if (answer.functionError) throw new UrlRefusal('failed', 'the function failed')
  return answer
}

/** A gathered stream that begins with a prelude says by it what a result says by its members. */
function interpret({ payload, contentType }: InvokeAnswer): UrlAnswer {
  if (contentType === undefined) return toAnswer(payload)
  if (contentType !== HTTP_RESPONSE_TYPE) {
    try {
      return toAnswer(payload)
    } catch (error) {
      if (!(error instanceof MalformedAnswer)) throw error
      return { ...plainHead(typeOf(contentType)), body: payload }
    }
  }
  const begun = new PreludeReader().push(payload)
  if (begun === undefined) throw new MalformedAnswer('the prelude of the response has no end')
  return { ...begun.head, body: begun.rest }
}

/** The runtime's word, where it can stand in a header. */
function typeOf(contentType: string | undefined): string {
  return contentType !== undefined && isFieldValue(contentType)
    ? contentType
    : 'application/octet-stream'
}

async function sendWhole(reply: Reply, answer: UrlAnswer): Promise<void> {
  const { res } = reply.exchange
  const empty = answer.status === 204 || answer.status === 304
  writeHead(reply, answer, empty ? undefined : answer.body.byteLength)
  if (empty || answer.body.byteLength === 0) return void res.end()
  await sendStream(res, async (send) => await send(answer.body), reply.idleMs)
}

async function sendPieces(
  reply: Reply,
  pipe: AnswerPipe,
  {
    contentType,
    running,
  }: { readonly contentType: string | undefined; readonly running: Promise<InvokeAnswer> },
): Promise<void> {
  const begun =
    contentType === HTTP_RESPONSE_TYPE
      ? await readPrelude(pipe, running)
      : { head: plainHead(typeOf(contentType)), rest: new Uint8Array() }
  writeHead(reply, begun.head, undefined)
  await sendStream(
    reply.exchange.res,
    async (send) => {
      await send(begun.rest)
      await pipe.pump(send)
      // Too late to say so in words: the connection breaks, so that half an answer is not taken for one.
      succeeded(await running)
    },
    reply.idleMs,
  )
}

async function readPrelude(
  pipe: AnswerPipe,
  running: Promise<InvokeAnswer>,
): Promise<{ readonly head: UrlAnswerHead; readonly rest: Uint8Array }> {
  const reader = new PreludeReader()
  for (let piece = await pipe.next(); piece !== undefined; piece = await pipe.next()) {
    const begun = reader.push(piece)
    if (begun !== undefined) return begun
  }
  succeeded(await running)
  throw new MalformedAnswer('the prelude of the response has no end')
}

function writeHead(reply: Reply, answer: UrlAnswerHead, length: number | undefined): void {
  const { res, requestId } = reply.exchange
  const { status, headers, cookies } = withinPath(answer, reply.prefix)
  // Node writes names and values as they are: everything in them has been looked at.
  const own = reply.headers
  const said = [...headers].filter(([name]) => !reply.cors || !name.startsWith('access-control-'))
  const vary = [headers.get('vary'), own['vary']].filter((one) => one !== undefined).join(', ')
  res.writeHead(status, {
    ...Object.fromEntries(said),
    'x-amzn-RequestId': requestId,
    ...own,
    ...(vary === '' ? {} : { vary }),
    ...(cookies.length === 0 ? {} : { 'set-cookie': [...cookies] }),
    ...(length === undefined ? {} : { 'content-length': length }),
  })
}
