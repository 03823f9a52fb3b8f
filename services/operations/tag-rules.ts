import { PlatformError, limits } from '../model/index.ts'

export type Tags = Readonly<Record<string, string>>

const KEY_LIMIT_CHARS = 128
const VALUE_LIMIT_CHARS = 256

/** How many, then each: lengths, and the prefix that AWS keeps for itself. @throws PlatformError INVALID_PARAMETER */
export function checkTags(tags: Tags): void {
  const entries = Object.entries(tags)
  if (entries.length > limits.TAGS_LIMIT)
    throw invalid('Number of tags exceeds resource tag limit.')
  for (const [key, value] of entries) {
    const shown = key.slice(0, KEY_LIMIT_CHARS)
    if (key.length < 1 || key.length > KEY_LIMIT_CHARS)
      throw invalid(`the tag key \`${shown}\` is not 1 to ${KEY_LIMIT_CHARS} characters`)
    if (value.length > VALUE_LIMIT_CHARS)
      throw invalid(`the value of tag \`${shown}\` is longer than ${VALUE_LIMIT_CHARS} characters`)
    if (/^aws:/i.test(key))
      throw invalid('aws: prefixed tag key names are not allowed for external use.')
    // A lone surrogate has no canonical form, and so no digest in the ledger (RFC 8785).
    if (!key.isWellFormed() || !value.isWellFormed())
      throw invalid(`the tag \`${shown.toWellFormed()}\` has text that is not Unicode`)
  }
}

/** What is made with tags is tagged: asked as that, too. */
export function tagging(resource: string, tags: Tags) {
  return Object.keys(tags).length === 0 ? [] : [{ action: 'lambda:TagResource', resource }]
}

export function invalid(message: string): PlatformError {
  return new PlatformError('INVALID_PARAMETER', message)
}
