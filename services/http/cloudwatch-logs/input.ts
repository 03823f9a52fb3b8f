import { PlatformError, functionRef, type Place, type ResourceRef } from '../../model/index.ts'
import type { JsonObject } from '../lambda/handler.ts'
import { integerMember, textMember } from '../lambda/members.ts'
import { ConstraintCheck } from '../lambda/validation.ts'

export type LogsPlace = Place

const GROUP = '[\\.\\-_/#A-Za-z0-9]+'
const GROUP_PATTERN = /^[.\-_/#A-Za-z0-9]{1,512}$/
const FUNCTION_GROUP = /^\/aws\/lambda\/([a-zA-Z0-9-_]{1,64})$/

export function groupArn({ region, account }: Place, group: string): string {
  return `arn:aws:logs:${region}:${account}:log-group:${group}`
}

/**
 * What a group is to authorization: the function whose own it is by its name; one of any other name, which several may
 * share, is an object by its ARN.
 */
export function groupRef(place: Place, group: string): ResourceRef {
  const name = FUNCTION_GROUP.exec(group)?.[1]
  return name === undefined ? { kind: 'Object', name: groupArn(place, group) } : functionRef(name)
}

/** The group that a request names, by name or (`logGroupIdentifier`) ARN. @throws PlatformError VALIDATION_FAILED, INVALID_PARAMETER */
export function groupAsked(place: Place, json: JsonObject): string {
  const name = textMember(json, 'logGroupName')
  const identifier = textMember(json, 'logGroupIdentifier')
  if ((name === undefined) === (identifier === undefined))
    throw new PlatformError(
      'INVALID_PARAMETER',
      'exactly one of `logGroupName` and `logGroupIdentifier` is to be given',
    )
  const group = name ?? fromIdentifier(place, identifier ?? '')
  const check = new ConstraintCheck()
  check.length('logGroupName', group, { min: 1, max: 512 })
  check.pattern('logGroupName', group, GROUP_PATTERN, GROUP)
  check.finish()
  return group
}

function fromIdentifier(place: Place, identifier: string): string {
  if (!identifier.startsWith('arn:')) return identifier
  const prefix = groupArn(place, '')
  if (identifier.startsWith(prefix)) return identifier.slice(prefix.length).replace(/:\*$/, '')
  throw new PlatformError('RESOURCE_NOT_FOUND', 'The specified log group does not exist.')
}

/** Milliseconds since the epoch. */
export function timeMember(json: JsonObject, name: string): number | undefined {
  const value = integerMember(json, name)
  if (value === undefined || value >= 0) return value
  throw new PlatformError('INVALID_PARAMETER', `\`${name}\` is no time`)
}

export function limitMember(
  json: JsonObject,
  bounds: { readonly max: number; readonly otherwise: number },
): number {
  const limit = integerMember(json, 'limit') ?? bounds.otherwise
  const check = new ConstraintCheck()
  check.range('limit', limit, { min: 1, max: bounds.max })
  check.finish()
  return limit
}

export function groupNotFound(): PlatformError {
  return new PlatformError('RESOURCE_NOT_FOUND', 'The specified log group does not exist.')
}
