import { PlatformError } from '../../model/index.ts'
import type { CodeSource } from '../../operations/index.ts'
import { anchored } from './function-name.ts'
import type { JsonObject, LambdaRequest } from './handler.ts'
import { textMember } from './members.ts'
import type { ConstraintCheck } from './validation.ts'

const BUCKET = '[0-9A-Za-z\\.\\-_]*(?<!\\.)'

/** `code` in a create, `content` in a layer, nothing in an update of the code. */
export function checkCode(check: ConstraintCheck, holder: JsonObject, at: string): void {
  const prefix = at === '' ? '' : `${at}.`
  const bucket = textMember(holder, 'S3Bucket')
  check.length(`${prefix}s3Bucket`, bucket, { min: 3, max: 63 })
  check.pattern(`${prefix}s3Bucket`, bucket, anchored(BUCKET), BUCKET)
  check.length(`${prefix}s3Key`, textMember(holder, 'S3Key'), { min: 1, max: 1_024 })
}

/** Where the code is to come from. @throws PlatformError INVALID_PARAMETER, NOT_BUILT (images) */
export function toCodeSource(request: LambdaRequest, holder: JsonObject): CodeSource {
  const bucket = textMember(holder, 'S3Bucket')
  const key = textMember(holder, 'S3Key')
  if (textMember(holder, 'ImageUri') !== undefined)
    throw new PlatformError('NOT_BUILT', 'container images are not built in this version')
  if (request.zip !== undefined && (bucket !== undefined || key !== undefined)) {
    throw new PlatformError(
      'INVALID_PARAMETER',
      'Please do not provide other FunctionCode parameters when providing a ZipFile.',
    )
  }
  if (request.zip !== undefined) return { kind: 'zip', file: request.zip }
  if (bucket !== undefined && key !== undefined) return { kind: 'object', bucket, key }
  throw new PlatformError('INVALID_PARAMETER', 'Please provide a source for function code.')
}
