import { PlatformError, type Json } from '../model/index.ts'

import { errorTable, namedTypes, type AwsError } from './error-table.ts'
import type { WireAnswer } from './wire.ts'

/** What the caller gets to know of a fault of ours. */
const CONSTANT_SENTENCE = 'The service encountered an internal error.'

/** Anything that was thrown, as one of the errors we know. */
export function toPlatformError(error: unknown): PlatformError {
  if (error instanceof PlatformError) return error
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'SQLITE_FULL') {
    return new PlatformError('OUT_OF_SPACE', 'the service is out of disk space', { cause: error })
  }
  return new PlatformError('INTERNAL', CONSTANT_SENTENCE, { cause: error })
}

/** Status of an error: for the log, and for both faces. */
export function awsErrorOf(error: PlatformError): AwsError {
  const named = error.detail['awsType']
  return (typeof named === 'string' ? namedTypes[named] : undefined) ?? errorTable[error.code]
}

/** Lambda's form: `x-amzn-ErrorType`, and `Type` with `Message` or `message` as the error has it (SPEC A1). */
export function toAwsAnswer(error: PlatformError): WireAnswer {
  const { status, type, key } = awsErrorOf(error)
  const reason = error.detail['reason']
  const body: Json = {
    ...(error.code === 'TOO_MANY_REQUESTS' && typeof reason === 'string' ? { Reason: reason } : {}),
    // Recorded: some sentences on concurrency come without.
    ...(error.detail['untyped'] === true ? {} : { Type: status >= 500 ? 'Service' : 'User' }),
    [key]: publicSentence(error, status),
  }
  // Recorded: to another account's caller AWS says nothing at all.
  const said: Json = error.detail['silent'] === true ? { [key]: null } : body
  return {
    status,
    headers: { 'content-type': 'application/json', 'x-amzn-ErrorType': type, ...common(error) },
    body: JSON.stringify(said),
  }
}

/** What of an error's detail is meant for the caller: everything that is wrong with a policy set. */
const TOLD = ['faults', 'failedCases'] as const

/** Our own form: `{error: {code, message, decisionId?, faults?, failedCases?}}`. */
export function toGovernanceAnswer(error: PlatformError): WireAnswer {
  const { status } = awsErrorOf(error)
  const { code, decisionId } = error
  const told = Object.fromEntries(TOLD.map((name) => [name, error.detail[name]]))
  const body = { error: { code, message: publicSentence(error, status), decisionId, ...told } }
  return {
    status,
    headers: { 'content-type': 'application/json', ...common(error) },
    body: JSON.stringify(body),
  }
}

function publicSentence(error: PlatformError, status: number): string {
  return status === 500 ? CONSTANT_SENTENCE : error.publicMessage
}

function common(error: PlatformError): Record<string, string> {
  const seconds = error.detail['retryAfterSeconds']
  const retry = error.code === 'TOO_MANY_REQUESTS' || typeof seconds === 'number'
  return {
    ...(error.decisionId === undefined ? {} : { 'x-lacre-decision-id': error.decisionId }),
    ...(retry ? { 'Retry-After': String(typeof seconds === 'number' ? seconds : 1) } : {}),
  }
}
