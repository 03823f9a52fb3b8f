import { findFunction, type FunctionRecord } from '../catalog/index.ts'
import {
  LATEST,
  PlatformError,
  functionArn,
  parseFunctionReference,
  type Place,
} from '../model/index.ts'
import type { Reader } from '../store/index.ts'

/** A function as a request names it: name, partial ARN or ARN, with a qualifier in it or beside it. */
export interface FunctionAsked {
  readonly functionName: string
  readonly qualifier?: string | undefined
}

export interface LocatedFunction {
  readonly name: string
  readonly qualifier: string | undefined
}

/**
 * The function of this place that a request names.
 * @throws PlatformError ACCESS_DENIED (another account), FUNCTION_NOT_FOUND (another region), INVALID_PARAMETER (two qualifiers)
 */
export function locateFunction(place: Place, asked: FunctionAsked): LocatedFunction {
  const reference = parseFunctionReference(asked.functionName)
  if (reference === undefined) {
    throw new PlatformError(
      'VALIDATION_FAILED',
      `\`${asked.functionName.slice(0, 200)}\` names no function`,
    )
  }
  const { name, account, region } = reference
  if (region !== undefined && region !== place.region) {
    throw new PlatformError(
      'FUNCTION_NOT_FOUND',
      `Functions from '${region}' are not reachable in this region ('${place.region}')`,
    )
  }
  if (account !== undefined && account !== place.account) {
    throw new PlatformError('ACCESS_DENIED', `account \`${account}\` is not the one served here`, {
      detail: { silent: true },
    })
  }
  if (
    reference.qualifier !== undefined &&
    asked.qualifier !== undefined &&
    reference.qualifier !== asked.qualifier
  ) {
    throw new PlatformError(
      'INVALID_PARAMETER',
      'The derived qualifier from the function name does not match the specified qualifier.',
    )
  }
  return { name, qualifier: reference.qualifier ?? asked.qualifier }
}

/** For operations on the function itself: `$LATEST` means the same, any other qualifier is refused as AWS does. */
export function locateUnqualified(place: Place, functionName: string): string {
  const { name, qualifier } = locateFunction(place, { functionName })
  if (qualifier !== undefined && qualifier !== LATEST) throw functionsOnly()
  return name
}

/** Recorded of concurrency: here `$LATEST` is refused as any other qualifier is. */
export function locateWhole(place: Place, functionName: string): string {
  const { name, qualifier } = locateFunction(place, { functionName })
  if (qualifier !== undefined) throw functionsOnly()
  return name
}

function functionsOnly(): PlatformError {
  return new PlatformError(
    'INVALID_PARAMETER',
    'This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. Please specify either a function name or an unqualified function ARN.',
  )
}

export function functionNotFound(place: Place, name: string, qualifier?: string): PlatformError {
  return new PlatformError(
    'FUNCTION_NOT_FOUND',
    `Function not found: ${functionArn(place, name, qualifier)}`,
  )
}

/** @throws PlatformError FUNCTION_NOT_FOUND, naming the qualifier that was asked for */
export async function getFunctionRecord(
  reader: Reader,
  place: Place,
  located: LocatedFunction,
): Promise<FunctionRecord> {
  const owner = await findFunction(reader, located.name)
  if (owner === undefined) throw functionNotFound(place, located.name, located.qualifier)
  return owner
}

/** Recorded: an update while another one has not settled. */
export function updateInProgress(place: Place, name: string): PlatformError {
  return new PlatformError(
    'RESOURCE_CONFLICT',
    `The operation cannot be performed at this time. An update is in progress for resource: ${functionArn(place, name)}`,
  )
}

/** Recorded: a RevisionId that is not the latest. */
export function revisionMismatch(): PlatformError {
  return new PlatformError(
    'PRECONDITION_FAILED',
    'The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id',
  )
}
