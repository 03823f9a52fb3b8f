/** Tables of asynchronous events, which have a database of their own. */

export interface EventTable {
  /** The request id that the caller got and the function sees. */
  id: string
  /** New at each create: an event never reaches another function of the same name. */
  function_id: string
  function_name: string
  qualifier: string | null
  /** JSON text, byte for byte as it came. */
  payload: string
  payload_sha256: string
  /** JSON text */
  client_context: string | null
  trace_id: string | null
  /** From when its age counts; replaying begins anew. */
  accepted_at: number
  /** How many destinations of functions it came through. */
  hops: number
  state: 'ready' | 'leased' | 'dead'
  /** ready: not before this; leased: until when; dead: since when. */
  run_at: number
  /** Rises with each lease: who held an earlier one settles nothing. */
  fence: number
  /** Invocations begun: AWS's approximateInvokeCount. */
  attempts: number
  /** Of these, how many ended in a function error. */
  failures: number
  /** Times in a row that it was put off (throttled, or an error of the service). */
  deferrals: number
  /** Why it is dead. */
  condition: string | null
  last_error: string | null
}

/** What a destination or dead letter queue holds, by the ARN it was configured as. */
export interface QueueMessageTable {
  /** Sorts by time. */
  id: string
  queue: string
  kind: 'destination' | 'dead-letter'
  request_id: string
  function_name: string
  body: string
  /** JSON object of message attributes */
  attributes: string
  sent_at: number
  /** Times that it was posted to the queue's webhook. */
  tries: number
  /** When it is posted next; null where it is not to be posted (any more). */
  run_at: number | null
  last_error: string | null
}

export interface EventsSchema {
  event: EventTable
  queue_message: QueueMessageTable
}
