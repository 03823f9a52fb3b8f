import { PlatformError, limits, type Json } from '../../model/index.ts'
import { checkTags } from '../../operations/index.ts'
import type { JsonObject } from './handler.ts'
import { textMapMember } from './members.ts'
import type { ConstraintCheck } from './validation.ts'

/**
 * What code signing requests may hold, as Lambda's service model has it. All violations of one request are told
 * in one message, as AWS does (SPEC A1).
 */
const CONFIG_ARN =
  /^arn:(aws[a-zA-Z-]*)?:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:code-signing-config:csc-[a-z0-9]{17}$/
const PUBLISHER_ARN =
  /^arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9-])+:((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1})?:(\d{12})?:(.*)$/
const DESCRIPTION_LIMIT_CHARS = 256
/** SPEC A1: lists take MaxItems to 10,000 and answer at most 50. */
const MAX_ITEMS_LIMIT = 10_000
const PAGE_SIZE = 50

export function checkConfigArn(check: ConstraintCheck, arn: string | undefined): void {
  if (!check.required('codeSigningConfigArn', arn)) return
  check.length('codeSigningConfigArn', arn, { max: 200 })
  check.pattern('codeSigningConfigArn', arn, CONFIG_ARN, CONFIG_ARN.source.slice(1, -1))
}

export function readDescription(check: ConstraintCheck, body: JsonObject): string | undefined {
  const text = readString(body, 'Description')
  check.length('description', text, { max: DESCRIPTION_LIMIT_CHARS })
  return text
}

export function readPolicy(
  check: ConstraintCheck,
  body: JsonObject,
): 'Warn' | 'Enforce' | undefined {
  const policies = readObject(body, 'CodeSigningPolicies') ?? {}
  const text = readString(policies, 'UntrustedArtifactOnDeployment')
  if (text === 'Warn' || text === 'Enforce') return text
  check.oneOf('codeSigningPolicies.untrustedArtifactOnDeployment', text, ['Warn', 'Enforce'])
  return undefined
}

/** `undefined` where the member is not there. */
export function readPublisherArns(
  check: ConstraintCheck,
  body: JsonObject,
): readonly string[] | undefined {
  const allowed = readObject(body, 'AllowedPublishers')
  if (allowed === undefined) return undefined
  const at = 'allowedPublishers.signingProfileVersionArns'
  const list = allowed['SigningProfileVersionArns']
  if (list === undefined || list === null) {
    check.required(at, list)
    return undefined
  }
  const arns = readStrings(list, 'SigningProfileVersionArns')
  check.length(at, arns, { min: 1, max: limits.ALLOWED_PUBLISHERS_LIMIT })
  if (!arns.every((arn) => PUBLISHER_ARN.test(arn))) {
    const pattern = `Member must satisfy regular expression pattern: ${PUBLISHER_ARN.source.slice(1, -1)}`
    check.fail(at, arns, `Member must satisfy constraint: [${pattern}]`)
  }
  return arns
}

/** @throws PlatformError INVALID_PARAMETER */
export function readTags(body: JsonObject): Readonly<Record<string, string>> {
  const tags = textMapMember(body, 'Tags') ?? {}
  checkTags(tags)
  return tags
}

/** Marker and page size. */
export function readPage(
  check: ConstraintCheck,
  query: Readonly<Record<string, string | readonly string[] | undefined>>,
): { readonly marker: string | undefined; readonly limit: number } {
  const marker = query['Marker']
  const text = query['MaxItems'] ?? String(PAGE_SIZE)
  if (typeof text !== 'string' || !/^-?\d{1,9}$/.test(text)) throw wrongType('MaxItems')
  check.range('maxItems', Number(text), { min: 1, max: MAX_ITEMS_LIMIT })
  return {
    marker: typeof marker === 'string' && marker !== '' ? marker : undefined,
    limit: Math.min(Number(text), PAGE_SIZE),
  }
}

export function readString(body: JsonObject, name: string): string | undefined {
  const value = body[name]
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'string') throw wrongType(name)
  // A lone surrogate has no canonical form, and so no digest in the ledger (RFC 8785).
  if (!value.isWellFormed()) {
    throw new PlatformError('INVALID_PARAMETER', `\`${name}\` has text that is not Unicode`)
  }
  return value
}

function readObject(body: JsonObject, name: string): JsonObject | undefined {
  const value = body[name]
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'object' || Array.isArray(value)) throw wrongType(name)
  return value as JsonObject
}

function readStrings(value: Json, name: string): string[] {
  if (!Array.isArray(value)) throw wrongType(name)
  return value.map((item: Json) => {
    if (typeof item !== 'string') throw wrongType(name)
    return item
  })
}

/** Of the right name and the wrong JSON type: AWS's deserializer refuses it before any constraint. */
function wrongType(name: string): PlatformError {
  return new PlatformError('INVALID_REQUEST_CONTENT', `\`${name}\` has the wrong type`, {
    detail: { awsType: 'SerializationException' },
  })
}
