import { sigv4 } from '../../model/index.ts'

import { OPERATIONS, toOperation, type Operation } from './operations-table.ts'

/** What a method and a raw path ask for. */
export interface Route {
  readonly operation: Operation
  /** Labels of the path, percent-decoded once. */
  readonly path: Readonly<Record<string, string>>
}

interface Pattern {
  readonly operation: Operation
  readonly segments: readonly { readonly literal?: string; readonly label?: string }[]
  /** `find=LayerVersion`: a member of the query that the path is only half of. */
  readonly constant: readonly [name: string, value: string] | undefined
}

const PATTERNS = new Map<string, Pattern[]>()
for (const row of OPERATIONS) {
  const [, method, template] = row
  const [path = '', query] = template.split('?')
  const segments = path.slice(1).split('/')
  const [name, value] = query?.split('=') ?? []
  const pattern: Pattern = {
    operation: toOperation(row),
    segments: segments.map((segment) =>
      segment.startsWith('{') ? { label: segment.slice(1, -1) } : { literal: segment },
    ),
    constant: name === undefined || value === undefined ? undefined : [name, value],
  }
  const key = patternKey(method, segments)
  const known = PATTERNS.get(key) ?? []
  // With the query constant first: without it the plain operation is meant.
  PATTERNS.set(key, pattern.constant === undefined ? [...known, pattern] : [pattern, ...known])
}

/**
 * The operation that a request names, or `undefined`. The path is taken as it came: segments that SigV4's
 * normalization would drop (empty, `.`, `..`) match nothing, so that what was signed is what is routed.
 */
export function resolveRoute(method: string, path: string, query: string): Route | undefined {
  if (!path.startsWith('/')) return undefined
  // Collections are written with and without a last slash (botocore's model and smithy's differ).
  const segments = (path.endsWith('/') ? path.slice(1, -1) : path.slice(1)).split('/')
  for (const pattern of PATTERNS.get(patternKey(method, segments)) ?? []) {
    if (pattern.constant !== undefined && !hasConstant(query, pattern.constant)) continue
    const labels = matchSegments(pattern, segments)
    if (labels !== undefined) return { operation: pattern.operation, path: labels }
  }
  return undefined
}

function patternKey(method: string, segments: readonly string[]): string {
  return `${method} ${segments[0] ?? ''} ${segments.length}`
}

function matchSegments(
  pattern: Pattern,
  segments: readonly string[],
): Record<string, string> | undefined {
  const labels: Record<string, string> = {}
  for (const [at, expected] of pattern.segments.entries()) {
    const segment = segments[at] ?? ''
    if (expected.label === undefined) {
      if (segment !== expected.literal) return undefined
      continue
    }
    const value = decodeLabel(segment)
    if (value === undefined) return undefined
    labels[expected.label] = value
  }
  return labels
}

function decodeLabel(segment: string): string | undefined {
  if (segment === '' || segment === '.' || segment === '..') return undefined
  try {
    return decodeURIComponent(segment)
  } catch {
    return undefined
  }
}

function hasConstant(query: string, [name, value]: readonly [string, string]): boolean {
  try {
    return sigv4.parseQuery(query).some((pair) => pair[0] === name && pair[1] === value)
  } catch {
    return false
  }
}
