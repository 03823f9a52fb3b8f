import { invoke, type Deps, type InvokeAnswer, type InvokeInput } from '../../operations/index.ts'
import { AnswerPipe, firstOf, type Send } from '../answer-pipe.ts'
import { awsErrorOf, toPlatformError } from '../error-answer.ts'
import { EVENT_STREAM_TYPE, invokeComplete, payloadChunk } from './event-stream.ts'
import type { InvokeAnswer as LambdaInvokeAnswer, InvokeRequest } from './handler.ts'

/**
 * InvokeWithResponseStream: the answer as it comes, in messages of AWS's event stream, the last of which says how it ended.
 * What fails before the first byte is an HTTP error, as of Invoke.
 */
export async function invokeStreaming(
  deps: Deps,
  request: InvokeRequest,
  input: InvokeInput,
): Promise<LambdaInvokeAnswer> {
  const pipe = new AnswerPipe()
  const running = invoke(deps, request.caller, { ...input, receiver: pipe })
  const first = await firstOf(pipe, running)
  if (first.kind === 'whole' && first.answer.status === 204)
    return { status: 204, headers: {}, payload: first.answer.payload }
  const { executedVersion, decisionId } = first.kind === 'whole' ? first.answer : first.start
  return {
    status: 200,
    payload: new Uint8Array(),
    headers: {
      'content-type': EVENT_STREAM_TYPE,
      ...(executedVersion === undefined ? {} : { 'x-amz-executed-version': executedVersion }),
      ...(decisionId === undefined ? {} : { 'x-lacre-decision-id': decisionId }),
    },
    stream: async (send) => {
      await pipe.pump(async (piece) => await send(payloadChunk(piece)))
      await sendEnd(send, running, first.kind === 'whole')
    },
  }
}

async function sendEnd(send: Send, running: Promise<InvokeAnswer>, whole: boolean): Promise<void> {
  try {
    const { payload, functionError, logTail } = await running
    if (whole && !functionError) await send(payloadChunk(payload))
    await send(
      invokeComplete({
        // As of Invoke, where every function error is called so.
        ...(functionError
          ? { ErrorCode: 'Unhandled', ErrorDetails: Buffer.from(payload).toString() }
          : {}),
        LogResult: logTail && Buffer.from(logTail).toString('base64'),
      }),
    )
  } catch (cause) {
    // The service could not go on: the status was sent long ago.
    const error = toPlatformError(cause)
    const { status, type } = awsErrorOf(error)
    const details = status === 500 ? 'The service encountered an internal error.' : error.message
    await send(invokeComplete({ ErrorCode: type, ErrorDetails: details }))
  }
}
