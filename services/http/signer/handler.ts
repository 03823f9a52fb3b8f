import type { Decision, Json } from '../../model/index.ts'
import type { Caller } from '../../operations/index.ts'
import type { JsonObject } from '../lambda/handler.ts'

/** One call of AWS Signer's API, authenticated and with its body read. */
export interface SignerRequest {
  readonly caller: Caller
  readonly path: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly json: JsonObject
}

export interface SignerAnswer {
  readonly body?: Json
  /** Of what passed the gate. */
  readonly decision?: Decision
}

/** By AWS's operation name. */
export type SignerHandlers = Readonly<
  Record<string, (request: SignerRequest) => Promise<SignerAnswer>>
>

/** Signer's times in a body are seconds since the epoch. */
export function toSeconds(ms: number): number {
  return ms / 1_000
}
