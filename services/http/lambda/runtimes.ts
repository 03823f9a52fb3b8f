import { PlatformError } from '../../model/index.ts'
import type { ConstraintCheck } from './validation.ts'

/** In the order in which AWS prints them (recorded: TestLambdaFunction). */
// prettier-ignore
const PRINTED = [
  'nodejs20.x', 'python3.14', 'provided.al2023', 'python3.12', 'python3.13', 'nodejs24.x',
  'nodejs22.x', 'java25', 'python3.10', 'python3.11', 'java21', 'ruby3.3', 'ruby3.4', 'ruby3.2',
  'python3.8', 'python3.9', 'java17', 'nodejs16.x', 'dotnet10', 'dotnet8', 'java11', 'dotnet6',
  'nodejs18.x', 'provided.al2', 'java8.al2',
]
/** In the SDK's model and not in the recorded sentence (SPEC A2). */
const NEWER = [
  'nodejs26.x',
  'python3.15',
  'ruby4.0',
  'java8.al2023',
  'java11.al2023',
  'java17.al2023',
]
// prettier-ignore
const DEPRECATED = [
  'nodejs', 'nodejs4.3', 'nodejs4.3-edge', 'nodejs6.10', 'nodejs8.10', 'nodejs10.x',
  'nodejs12.x', 'nodejs14.x', 'python2.7', 'python3.6', 'python3.7', 'java8', 'dotnetcore1.0',
  'dotnetcore2.0', 'dotnetcore2.1', 'dotnetcore3.1', 'go1.x', 'ruby2.5', 'ruby2.7', 'provided',
]

/** Every id that a filter of layers may name, in the order in which AWS prints them (recorded: TestLambdaLayer). */
// prettier-ignore
const PRINTED_FOR_FILTERS = [
  'ruby3.5', 'ruby2.6', 'dotnetcore1.0', 'python3.7', 'nodejs8.10', 'nasa', 'ruby2.7',
  'python2.7-greengrass', 'dotnetcore2.0', 'python3.8', 'java21', 'dotnet6', 'dotnetcore2.1',
  'python3.9', 'java11', 'nodejs6.10', 'provided', 'dotnetcore3.1', 'dotnet8', 'java25', 'java17',
  'nodejs', 'nodejs4.3', 'java8.al2', 'go1.x', 'dotnet10', 'nodejs20.x', 'go1.9', 'byol',
  'nodejs10.x', 'provided.al2023', 'nodejs22.x', 'python3.10', 'java8', 'nodejs12.x', 'python3.11',
  'nodejs24.x', 'nodejs8.x', 'python3.12', 'nodejs14.x', 'nodejs8.9', 'nodejs26.x', 'python3.13',
  'python3.14', 'nodejs16.x', 'python3.15', 'provided.al2', 'nodejs4.3-edge', 'nodejs18.x',
  'ruby3.2', 'python3.4', 'ruby3.3', 'ruby3.4', 'ruby2.5', 'python3.6', 'python2.7',
]

const KNOWN = new Set([...PRINTED, ...NEWER])
const FILTERS = new Set([...PRINTED_FOR_FILTERS, ...NEWER])

/** @throws PlatformError INVALID_PARAMETER: AWS checks the runtime after the constraints, with two sentences of its own */
export function checkRuntime(runtime: string | undefined): void {
  if (runtime === undefined || KNOWN.has(runtime)) return
  if (DEPRECATED.includes(runtime)) {
    throw new PlatformError(
      'INVALID_PARAMETER',
      `The runtime parameter of ${runtime} is no longer supported for creating or updating AWS Lambda functions. We recommend you use a supported runtime while creating or updating functions.`,
    )
  }
  throw new PlatformError(
    'INVALID_PARAMETER',
    `Value ${runtime.slice(0, 200)} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [${PRINTED.join(', ')}] or be a valid ARN`,
  )
}

/** Layers name what they suit; a filter may name what is deprecated. */
export function checkCompatibleRuntimes(
  check: ConstraintCheck,
  runtimes: readonly string[] | undefined,
): void {
  check.length('compatibleRuntimes', runtimes, { max: 15 })
  if (runtimes?.every((runtime) => KNOWN.has(runtime) || DEPRECATED.includes(runtime)) === false) {
    check.fail(
      'compatibleRuntimes',
      runtimes,
      `Member must satisfy enum value set: [${PRINTED.join(', ')}]`,
    )
  }
}

export function checkCompatibleRuntime(check: ConstraintCheck, runtime: string | undefined): void {
  if (runtime === undefined || FILTERS.has(runtime)) return
  const words = `Member must satisfy enum value set: [${PRINTED_FOR_FILTERS.join(', ')}]`
  check.fail('compatibleRuntime', runtime, words)
}
