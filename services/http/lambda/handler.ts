import type { Json } from '../../model/index.ts'
import type { Caller, TempFile } from '../../operations/index.ts'
import type { WireStream } from '../wire.ts'

/** A JSON object as it came in: Lambda's own members, unknown ones tolerated as AWS does. */
export type JsonObject = { readonly [name: string]: Json | undefined }

/** One call of Lambda's API, authenticated and with its body taken in. */
export interface LambdaRequest {
  readonly caller: Caller
  /** Path members, percent-decoded: `FunctionName`, `Name`, `CodeSigningConfigArn` … */
  readonly path: Readonly<Record<string, string>>
  /** Query members by their wire name; a repeated one is the array of its values. */
  readonly query: Readonly<Record<string, string | readonly string[] | undefined>>
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | undefined>>
  /** The body as JSON object, `{}` for an empty one; a `ZipFile` member (at the top, in `Code` or in `Content`) was cut out. */
  readonly json: JsonObject
  /** Whether the client came over TLS, as far as is known here: links given out say the same. */
  readonly secure?: boolean
  /** What `ZipFile` held, decoded, in a temporary file that the edge removes afterwards. */
  readonly zip: TempFile | undefined
  /** Aborted when the client has gone. */
  readonly signal: AbortSignal
}

export interface LambdaAnswer {
  readonly status: number
  /** AWS's body; left out for an empty one. */
  readonly body?: Json
  /** `x-lacre-decision-id` for every answer of a gated operation. */
  readonly headers?: Readonly<Record<string, string>>
}

export type LambdaHandler = (request: LambdaRequest) => Promise<LambdaAnswer>

/** By AWS's operation name; those absent answer "OPERATION is not built in this version". */
export type LambdaHandlers = Readonly<Record<string, LambdaHandler>>

/** One invocation, authenticated, with its payload as it came: no schema, no database on the warm path. */
export interface InvokeRequest {
  /** A name, partial ARN or ARN, as in the path. */
  readonly functionName: string
  readonly qualifier: string | undefined
  /** Lower-case names: `x-amz-invocation-type`, `x-amz-log-type`, `x-amz-client-context`, `x-amzn-trace-id`. */
  readonly headers: Readonly<Record<string, string | undefined>>
  /** UTF-8 JSON (or nothing) unless it is a DryRun; at most INVOKE_PAYLOAD_LIMIT_BYTES. */
  readonly payload: Uint8Array
  readonly caller: Caller
  /** InvokeWithResponseStream. */
  readonly streamed?: boolean
  /** Aborted when the client has gone. */
  readonly signal: AbortSignal
  /** Told of the function's run, which goes on where the client has gone. */
  readonly onRun: (run: Promise<unknown>) => void
}

export interface InvokeAnswer {
  readonly status: number
  /** `X-Amz-Function-Error`, `X-Amz-Executed-Version`, `X-Amz-Log-Result` … */
  readonly headers: Readonly<Record<string, string>>
  readonly payload: Uint8Array
  /** Instead of the payload: sends the answer piece by piece. */
  readonly stream?: WireStream
}

export type InvokeHandler = (request: InvokeRequest) => Promise<InvokeAnswer>
