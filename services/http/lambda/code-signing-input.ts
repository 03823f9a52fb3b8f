import { PlatformError, limits, type Json } from '../../model/index.ts'
import type { JsonObject } from './handler.ts'

/**
 * What code signing requests may hold, as Lambda's service model has it. All violations of one request are told
 * in one message, as AWS does (SPEC A1).
 */
const CONFIG_ARN =
  /^arn:(aws[a-zA-Z-]*)?:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:code-signing-config:csc-[a-z0-9]{17}$/
const PUBLISHER_ARN =
  /^arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9-])+:((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1})?:(\d{12})?:(.*)$/
const DESCRIPTION_LIMIT_CHARS = 256
const TAG_KEY_LIMIT_CHARS = 128
const TAG_VALUE_LIMIT_CHARS = 256
/** SPEC A1: lists take MaxItems to 10,000 and answer at most 50. */
const MAX_ITEMS_LIMIT = 10_000
const PAGE_SIZE = 50

/** Collects the constraint failures of one request. */
export class Constraints {
  readonly #failures: string[] = []

  refuse(value: string, member: string, rule: string): void {
    const shown = value === '' ? `''` : `'${value.slice(0, 256)}'`
    this.#failures.push(`Value ${shown} at '${member}' failed to satisfy constraint: ${rule}`)
  }

  refuseMissing(member: string): void {
    this.#failures.push(
      `Value null at '${member}' failed to satisfy constraint: Member must not be null`,
    )
  }

  /** @throws PlatformError VALIDATION_FAILED */
  end(): void {
    const count = this.#failures.length
    if (count === 0) return
    const head = `${count} validation error${count === 1 ? '' : 's'} detected: `
    throw new PlatformError('VALIDATION_FAILED', head + this.#failures.join('; '))
  }
}

export function checkConfigArn(constraints: Constraints, arn: string): void {
  if (arn.length <= 200 && CONFIG_ARN.test(arn)) return
  const pattern = CONFIG_ARN.source.slice(1, -1)
  const rule = `Member must satisfy regular expression pattern: ${pattern}`
  constraints.refuse(arn, 'codeSigningConfigArn', rule)
}

export function readDescription(constraints: Constraints, body: JsonObject): string | undefined {
  const text = readString(body, 'Description')
  if (text !== undefined && text.length > DESCRIPTION_LIMIT_CHARS) {
    const rule = `Member must have length less than or equal to ${DESCRIPTION_LIMIT_CHARS}`
    constraints.refuse(text, 'description', rule)
  }
  return text
}

export function readPolicy(
  constraints: Constraints,
  body: JsonObject,
): 'Warn' | 'Enforce' | undefined {
  const policies = readObject(body, 'CodeSigningPolicies')
  const text =
    policies === undefined ? undefined : readString(policies, 'UntrustedArtifactOnDeployment')
  if (text === undefined || text === 'Warn' || text === 'Enforce') return text
  const member = 'codeSigningPolicies.untrustedArtifactOnDeployment'
  constraints.refuse(text, member, 'Member must satisfy enum value set: [Warn, Enforce]')
  return undefined
}

/** `undefined` where the member is not there. */
export function readPublisherArns(
  constraints: Constraints,
  body: JsonObject,
): readonly string[] | undefined {
  const allowed = readObject(body, 'AllowedPublishers')
  if (allowed === undefined) return undefined
  const member = 'allowedPublishers.signingProfileVersionArns'
  const list = allowed['SigningProfileVersionArns']
  if (list === undefined || list === null) {
    constraints.refuseMissing(member)
    return undefined
  }
  const arns = readStrings(list, 'SigningProfileVersionArns')
  const shown = `[${arns.join(', ')}]`
  if (arns.length === 0) {
    constraints.refuse(shown, member, 'Member must have length greater than or equal to 1')
  } else if (arns.length > limits.ALLOWED_PUBLISHERS_LIMIT) {
    const rule = `Member must have length less than or equal to ${limits.ALLOWED_PUBLISHERS_LIMIT}`
    constraints.refuse(shown, member, rule)
  } else if (!arns.every((arn) => PUBLISHER_ARN.test(arn))) {
    const pattern = PUBLISHER_ARN.source.slice(1, -1)
    const rule = `Member must satisfy constraint: [Member must satisfy regular expression pattern: ${pattern}]`
    constraints.refuse(shown, member, rule)
  }
  return arns
}

/** @throws PlatformError INVALID_PARAMETER */
export function readTags(body: JsonObject): Readonly<Record<string, string>> {
  const tags = readObject(body, 'Tags') ?? {}
  const entries = Object.entries(tags).map(([key, value]): [string, string] => {
    if (typeof value !== 'string') throw wrongType('Tags')
    if (
      key.length < 1 ||
      key.length > TAG_KEY_LIMIT_CHARS ||
      value.length > TAG_VALUE_LIMIT_CHARS
    ) {
      throw new PlatformError('INVALID_PARAMETER', `the tag \`${key.slice(0, 128)}\` is too long`)
    }
    return [key, value]
  })
  if (entries.length > limits.TAGS_LIMIT) {
    throw new PlatformError('INVALID_PARAMETER', `a resource takes ${limits.TAGS_LIMIT} tags`)
  }
  return Object.fromEntries(entries)
}

/** Marker and page size. */
export function readPage(
  constraints: Constraints,
  query: Readonly<Record<string, string | readonly string[] | undefined>>,
): { readonly marker: string | undefined; readonly limit: number } {
  const marker = query['Marker']
  const text = query['MaxItems']
  const page = { marker: typeof marker === 'string' && marker !== '' ? marker : undefined }
  if (text === undefined) return { ...page, limit: PAGE_SIZE }
  const count = typeof text === 'string' && /^-?\d{1,9}$/.test(text) ? Number(text) : undefined
  if (count === undefined) throw wrongType('MaxItems')
  if (count < 1) {
    constraints.refuse(
      String(count),
      'maxItems',
      'Member must have value greater than or equal to 1',
    )
  } else if (count > MAX_ITEMS_LIMIT) {
    const rule = `Member must have value less than or equal to ${MAX_ITEMS_LIMIT}`
    constraints.refuse(String(count), 'maxItems', rule)
  }
  return { ...page, limit: Math.min(Math.max(count, 1), PAGE_SIZE) }
}

export function readString(body: JsonObject, name: string): string | undefined {
  const value = body[name]
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'string') throw wrongType(name)
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

/** AWS says SerializationException; the edge maps it. */
function wrongType(name: string): PlatformError {
  return new PlatformError(
    'INVALID_REQUEST_CONTENT',
    `Could not parse request body into json: \`${name}\` has the wrong type`,
  )
}
