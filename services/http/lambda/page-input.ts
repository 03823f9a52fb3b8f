import type { PageAsked } from '../../operations/index.ts'
import { PlatformError } from '../../model/index.ts'
import type { LambdaRequest } from './handler.ts'
import { queryMember } from './members.ts'
import type { ConstraintCheck } from './validation.ts'

/** SPEC A1: a page holds 50 whatever is asked for. */
const PAGE_SIZE = 50

export function readPageAsked(
  check: ConstraintCheck,
  request: LambdaRequest,
  max: 50 | 10_000,
): PageAsked {
  const text = queryMember(request, 'MaxItems')
  if (text !== undefined && !/^-?[0-9]{1,9}$/.test(text)) {
    throw new PlatformError('INVALID_REQUEST_CONTENT', '`MaxItems` must be an integer', {
      detail: { awsType: 'SerializationException' },
    })
  }
  const items = text === undefined ? PAGE_SIZE : Number(text)
  check.range('maxItems', items, { min: 1, max })
  return { marker: queryMember(request, 'Marker'), limit: Math.min(items, PAGE_SIZE) }
}

export function nextMarker(marker: string | undefined): { readonly NextMarker?: string } {
  return marker === undefined ? {} : { NextMarker: marker }
}
