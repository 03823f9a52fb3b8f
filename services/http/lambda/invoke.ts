import { PlatformError } from '../../model/index.ts'
import { invoke, type Deps, type InvokeInput } from '../../operations/index.ts'
import { checkFunctionName, checkQualifier } from './function-name.ts'
import type { InvokeHandler } from './handler.ts'
import { invokeStreaming } from './invoke-stream.ts'
import { ConstraintCheck } from './validation.ts'

const TYPES = ['RequestResponse', 'Event', 'DryRun'] as const
const STREAMING_TYPES = ['RequestResponse', 'DryRun'] as const

/** Lambda's Invoke: headers in, one operation, headers out (SPEC A10). */
export function invokeHandler(deps: Deps): InvokeHandler {
  return async (request) => {
    const { headers, functionName, qualifier } = request
    const check = new ConstraintCheck()
    checkQualifier(check, qualifier)
    checkFunctionName(check, functionName, 'namespaced')
    const asked = headers['x-amz-invocation-type'] ?? 'RequestResponse'
    check.oneOf('invocationType', asked, request.streamed === true ? STREAMING_TYPES : TYPES)
    const logType = headers['x-amz-log-type'] ?? 'None'
    check.oneOf('logType', logType, ['None', 'Tail'])
    check.finish()
    const input: InvokeInput = {
      functionName,
      qualifier,
      invocationType: TYPES.find((type) => type === asked) ?? 'RequestResponse',
      payload: request.payload,
      clientContext: readClientContext(headers['x-amz-client-context']),
      traceId: headers['x-amzn-trace-id'],
      tail: logType === 'Tail',
      signal: request.signal,
      onRun: request.onRun,
    }
    if (request.streamed === true) return await invokeStreaming(deps, request, input)
    const answer = await invoke(deps, request.caller, input)
    return {
      status: answer.status,
      payload: answer.payload,
      headers: {
        ...(answer.status === 200 ? { 'content-type': 'application/json' } : {}),
        // Recorded: "Unhandled" for every function error.
        ...(answer.functionError ? { 'x-amz-function-error': 'Unhandled' } : {}),
        ...named('x-amz-executed-version', answer.executedVersion),
        ...named(
          'x-amz-log-result',
          answer.logTail && Buffer.from(answer.logTail).toString('base64'),
        ),
        ...named('x-lacre-decision-id', answer.decisionId),
      },
    }
  }
}

/** AWS: base64 of at most 3,583 bytes of JSON; the function gets the JSON (SPEC A10). */
const CLIENT_CONTEXT_LIMIT_BYTES = 3_583

function readClientContext(header: string | undefined): string | undefined {
  if (header === undefined || header === '') return undefined
  const bytes = Buffer.from(header, 'base64')
  try {
    if (bytes.byteLength > CLIENT_CONTEXT_LIMIT_BYTES) throw new RangeError('it is too long')
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    JSON.parse(text)
    return text
  } catch (cause) {
    throw new PlatformError(
      'INVALID_REQUEST_CONTENT',
      `Client context must be a valid Base64-encoded JSON object of at most ${CLIENT_CONTEXT_LIMIT_BYTES} bytes.`,
      { cause },
    )
  }
}

function named(name: string, value: string | undefined): Record<string, string> {
  return value === undefined ? {} : { [name]: value }
}
