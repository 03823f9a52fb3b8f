import { type X509PublisherDocument } from '../model/index.ts'
import type { VerificationCache } from './cache.ts'
import { unlessRefusedEach } from './refusals.ts'
import type { RevocationList } from './revocation-list.ts'
import { isStructureSignedBy } from './signed-structure.ts'
import { certificateOfPem } from './single-block.ts'

/**
 * Whether an authority that the publisher itself names signed the list: what keeps whoever can answer for a URL once from
 * putting an empty list of his own in the place of a true one.
 */
export function isListOfPublisher(
  list: RevocationList,
  { rootsPem, intermediatesPem }: X509PublisherDocument,
  cache: VerificationCache,
): boolean {
  const authorities = unlessRefusedEach([...rootsPem, ...intermediatesPem], (pem) =>
    certificateOfPem(pem, cache),
  )
  return authorities.some(
    (authority) =>
      authority.subjectName.key === list.issuerName.key &&
      authority.extensions.keyUsage?.crlSign !== false &&
      isStructureSignedBy(list, authority, cache),
  )
}
