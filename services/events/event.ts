/** An event as it is accepted. */
export interface NewEvent {
  /** The request id: what the caller was told and the function sees, at every try. */
  readonly id: string
  readonly functionId: string
  readonly functionName: string
  readonly qualifier?: string | undefined
  /** JSON text. */
  readonly payload: string
  /** JSON text. */
  readonly clientContext?: string | undefined
  readonly traceId?: string | undefined
  readonly acceptedAtMs: number
  /** How many destinations of functions it came through. */
  readonly hops: number
}

/** An event that is ours to run until its lease ends. */
export interface LeasedEvent extends NewEvent {
  readonly fence: number
  /** Invocations begun, this one counted: AWS's approximateInvokeCount. */
  readonly attempts: number
  readonly failures: number
  readonly deferrals: number
  /** The payload still hashes to its digest. */
  readonly sound: boolean
}

/** Why an event is given up. The first three are AWS's words in records of destinations. */
export type Condition =
  | 'RetriesExhausted'
  | 'EventAgeExceeded'
  | 'ZeroReservedConcurrency'
  | 'RecursiveLoop'
  | 'FunctionNotFound'
  // the release violates, and its reaction refuses it by every name
  | 'Refused'
  | 'PayloadDamaged'

/** What a run of the function gave. */
export interface Ran {
  readonly payload: Uint8Array
  readonly functionError: boolean
  readonly executedVersion: string
}

/** What became of one try. */
export type Attempt =
  | { readonly kind: 'ran'; readonly ran: Ran }
  /** Throttled, or an error of the service: no retry is used up. `began` where the function may have run. */
  | ({ readonly kind: 'deferred'; readonly began: boolean } & Refusal)
  /** It is of no use to try again. */
  | ({ readonly kind: 'given-up'; readonly condition: Condition } & Refusal)

/** What stood in the way, as HTTP says it: 429 where it was throttled. */
interface Refusal {
  readonly message: string
  readonly status: 403 | 429 | 500
}

/** Where a record goes. */
export type Target =
  | {
      readonly kind: 'function'
      readonly arn: string
      readonly functionId: string
      readonly functionName: string
      readonly qualifier: string | undefined
    }
  /** The table of messages of an ARN; `unreachable` where the ARN names a function that is not here. */
  | { readonly kind: 'queue'; readonly arn: string; readonly unreachable?: boolean }

/** What holds for an event: its function's event invoke config and dead letter config, with AWS's defaults. */
export interface Terms {
  /** As invoked, with the qualifier, `$LATEST` where there was none: what records name. */
  readonly functionArn: string
  readonly maxRetries: number
  readonly maxAgeMs: number
  readonly onSuccess?: Target | undefined
  readonly onFailure?: Target | undefined
  readonly deadLetter?: Target | undefined
}
