import { PlatformError, limits } from '../../model/index.ts'
import type { JsonObject } from './handler.ts'
import { objectMember, textMapMember } from './members.ts'
import type { ConstraintCheck } from './validation.ts'

const NAME = /^[a-zA-Z]([a-zA-Z0-9_])+$/

/** Set by the platform for every function (SPEC A5): a customer's value would be lost or would mislead. */
const RESERVED = new Set([
  '_HANDLER',
  '_X_AMZN_TRACE_ID',
  'AWS_DEFAULT_REGION',
  'AWS_REGION',
  'AWS_EXECUTION_ENV',
  'AWS_LAMBDA_FUNCTION_NAME',
  'AWS_LAMBDA_FUNCTION_MEMORY_SIZE',
  'AWS_LAMBDA_FUNCTION_VERSION',
  'AWS_LAMBDA_INITIALIZATION_TYPE',
  'AWS_LAMBDA_LOG_GROUP_NAME',
  'AWS_LAMBDA_LOG_STREAM_NAME',
  'AWS_ACCESS_KEY',
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'AWS_LAMBDA_RUNTIME_API',
  'LAMBDA_TASK_ROOT',
  'LAMBDA_RUNTIME_DIR',
])

/** The variables given; the values never appear in a constraint's message. */
export function readEnvironment(
  check: ConstraintCheck,
  body: JsonObject,
): { readonly Variables?: Readonly<Record<string, string>> } | undefined {
  const environment = objectMember(body, 'Environment')
  if (environment === undefined) return undefined
  const variables = textMapMember(environment, 'Variables')
  const names = Object.keys(variables ?? {})
  const odd = names.filter((name) => !NAME.test(name))
  if (odd.length > 0) {
    check.fail(
      'environment.variables',
      odd,
      'Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]',
    )
  }
  return variables === undefined ? {} : { Variables: variables }
}

/** After the constraints. @throws PlatformError INVALID_PARAMETER */
export function checkEnvironment(
  environment: { readonly Variables?: Readonly<Record<string, string>> } | undefined,
): void {
  const variables = environment?.Variables ?? {}
  const reserved = Object.keys(variables).filter((name) => RESERVED.has(name))
  if (reserved.length > 0) {
    throw refuse(
      `contains reserved keys that are currently not supported for modification. Reserved keys used in this request: ${reserved.join(', ')}`,
    )
  }
  // SPEC A4: what is measured is the JSON of the map, and the message quotes it.
  const measured = JSON.stringify(variables)
  if (Buffer.byteLength(measured) > limits.ENVIRONMENT_LIMIT_BYTES)
    throw refuse(`exceeded the 4KB limit. String measured: ${measured}`, true)
}

function refuse(why: string, quotesSecret = false): PlatformError {
  return new PlatformError(
    'INVALID_PARAMETER',
    `Lambda was unable to configure your environment variables because the environment variables you have provided ${why}`,
    { quotesSecret },
  )
}
