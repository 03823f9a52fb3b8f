import { toFunctionConfiguration, type Answer, type VersionRecord } from '../../catalog/index.ts'
import { type Place, type Sha256 } from '../../model/index.ts'
import { permitDownload, type Deps } from '../../operations/index.ts'
import type { LambdaAnswer, LambdaRequest } from './handler.ts'

/** `x-lacre-decision-id`, where something was decided. */
export function decided(decisionId: string | undefined): Pick<LambdaAnswer, 'headers'> {
  return decisionId === undefined ? {} : { headers: { 'x-lacre-decision-id': decisionId } }
}

export function configurationBody(
  place: Place,
  version: VersionRecord,
  qualifier: string | undefined,
): Answer {
  return toFunctionConfiguration(place, version, { qualifier, form: 'full' })
}

/** Where the bytes can be had from this service for ten minutes, under the host by which it was reached. */
export function downloadLocation(deps: Deps, request: LambdaRequest, digest: Sha256): string {
  const host = request.headers['host'] ?? 'localhost'
  const scheme = request.secure === true ? 'https' : 'http'
  const { expires, signature } = permitDownload(deps, digest)
  return `${scheme}://${host}/api/v1/artifacts/${digest}?Expires=${expires}&Signature=${signature}`
}
