import { parsePublisherVersionArn } from '../../model/index.ts'
import { describePublisher, listRevocations, type Deps } from '../../operations/index.ts'
import { ConstraintCheck } from '../lambda/validation.ts'
import type { SignerHandlers } from './handler.ts'
import { invalid, queryText, queryTexts, queryTime } from './input.ts'

/**
 * What of a signature made at that time is revoked. Seals of managed publishers hold no certificate and are made by no
 * job: of the three, only the profile version can ever be.
 */
export function revocationStatusHandlers(deps: Deps): SignerHandlers {
  return {
    GetRevocationStatus: async (request) => {
      const check = new ConstraintCheck()
      const members = ['signatureTimestamp', 'platformId', 'profileVersionArn', 'jobArn']
      for (const member of [...members, 'certificateHashes'])
        check.required(member, queryTexts(request, member)[0])
      for (const member of ['profileVersionArn', 'jobArn'])
        check.length(member, queryText(request, member), { min: 20, max: 2048 })
      check.finish()
      const signedAtMs = queryTime(request, 'signatureTimestamp') ?? 0
      const arn = queryText(request, 'profileVersionArn') ?? ''
      const reference = parsePublisherVersionArn(deps.place, arn)
      if (reference === undefined) throw invalid(`\`${arn}\` is no signing profile version here`)
      const { id, versions } = await describePublisher(deps, reference.name)
      if (!versions.some((version) => version.arn === arn))
        throw invalid(`\`${arn}\` is no signing profile version here`)
      const revoked = (await listRevocations(deps)).some(
        ({ target, effectiveAtMs }) => [id, arn].includes(target) && effectiveAtMs <= signedAtMs,
      )
      return { body: { revokedEntities: revoked ? [arn] : [] } }
    },
  }
}
