/** What an operation that is not built lacks; the rest of the sentence names the operation. */
const MISSING: readonly (readonly [names: RegExp, missing: string])[] = [
  [/CapacityProvider/, 'there are no capacity providers: functions run on this machine alone'],
  [
    /Durable/,
    'there are no durable executions: an invocation runs once, from its start to its end',
  ],
  [
    /^InvokeAsync$/,
    'there is no queue for asynchronous invocations: use Invoke with RequestResponse',
  ],
]

/** One sentence for whoever asks: what is not there, and what to do instead where there is something. */
export function notBuiltSentence(operation: string): string {
  const missing = MISSING.find(([names]) => names.test(operation))?.[1]
  const why = missing === undefined ? '' : `: ${missing}`
  return `${operation} is not built in this version${why}`
}
