import { PlatformError } from '../../model/index.ts'
import type { Deps } from '../../operations/index.ts'
import { objectMember, textMember } from '../lambda/members.ts'
import { ConstraintCheck } from '../lambda/validation.ts'
import type { SignerHandlers, SignerRequest } from './handler.ts'
import { invalid, queryFlag, queryText, queryTime, readPage } from './input.ts'
import { readProfile } from './profiles.ts'

/** There is no S3 here and so there are no jobs: what was asked is checked, then said. */
export function jobHandlers(deps: Deps): SignerHandlers {
  return {
    StartSigningJob: async (request) => {
      const name = checkJob(request)
      await readProfile(deps, { ...request, path: { profileName: name }, query: {} })
      throw invalid(
        `StartSigningJob needs an object store, which this service has not: upload the zip and ask POST /api/v1/publishers/${name}/seals`,
      )
    },
    SignPayload: async (request) => {
      const check = new ConstraintCheck()
      for (const member of ['profileName', 'payload', 'payloadFormat'])
        check.required(member, request.json[member])
      check.finish()
      const name = textMember(request.json, 'profileName') ?? ''
      await readProfile(deps, { ...request, path: { profileName: name }, query: {} })
      // RULES §9: keys that the service keeps sign only what it built itself.
      throw invalid('SignPayload is refused: the service signs only what it has built and judged')
    },
    ListSigningJobs: (request) => {
      const check = new ConstraintCheck()
      readPage(check, request)
      check.oneOf('status', queryText(request, 'status'), ['InProgress', 'Failed', 'Succeeded'])
      check.finish()
      queryFlag(request, 'isRevoked')
      queryTime(request, 'signatureExpiresBefore')
      queryTime(request, 'signatureExpiresAfter')
      return Promise.resolve({ body: { jobs: [] } })
    },
    DescribeSigningJob: (request) => Promise.reject(jobNotFound(request)),
    RevokeSignature: (request) => {
      const check = new ConstraintCheck()
      check.required('reason', request.json['reason'])
      check.length('reason', textMember(request.json, 'reason'), { min: 1, max: 500 })
      check.finish()
      return Promise.reject(jobNotFound(request))
    },
  }
}

function checkJob({ json }: SignerRequest): string {
  const check = new ConstraintCheck()
  for (const member of ['source', 'destination', 'profileName', 'clientRequestToken'])
    check.required(member, json[member])
  const source = objectMember(objectMember(json, 'source') ?? {}, 's3') ?? {}
  for (const member of ['bucketName', 'key', 'version'])
    check.required(`source.s3.${member}`, source[member])
  check.finish()
  return textMember(json, 'profileName') ?? ''
}

function jobNotFound({ path }: SignerRequest): PlatformError {
  const id = (path['jobId'] ?? '').slice(0, 80)
  return new PlatformError('RESOURCE_NOT_FOUND', `there is no signing job \`${id}\``)
}
