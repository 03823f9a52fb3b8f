import { EVERYTHING, refOfArn, type Json, type ResourceRef } from '../../model/index.ts'

/** The publisher stands in the body of these. */
const NAMED_IN_BODY = new Set(['SignPayload', 'StartSigningJob'])

/** What an operation of Signer is done to; `undefined` where only the body says. */
export function signerResource(
  operation: string,
  path: Readonly<Record<string, string>>,
): ResourceRef | undefined {
  if (NAMED_IN_BODY.has(operation)) return undefined
  const { profileName, resourceArn, jobId, platformId } = path
  if (profileName !== undefined) return { kind: 'Publisher', name: profileName }
  const name = jobId ?? platformId
  if (resourceArn === undefined) return name === undefined ? EVERYTHING : { kind: 'Object', name }
  const ref = refOfArn(resourceArn)
  return ref.kind === 'Publisher' ? ref : { kind: 'Object', name: resourceArn }
}

export function signerBodyResource(
  operation: string,
  json: { readonly [name: string]: Json | undefined },
): ResourceRef | undefined {
  if (!NAMED_IN_BODY.has(operation)) return undefined
  const { profileName } = json
  return { kind: 'Publisher', name: typeof profileName === 'string' ? profileName : '' }
}
