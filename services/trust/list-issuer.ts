import { PlatformError, type X509PublisherDocument } from '../model/index.ts'
import type { VerificationCache } from './cache.ts'
import type { Certificate } from './certificate.ts'
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
  return [...rootsPem, ...intermediatesPem]
    .flatMap((pem) => readable(pem, cache))
    .some(
      (authority) =>
        authority.subjectName.key === list.issuerName.key &&
        authority.extensions.keyUsage?.crlSign !== false &&
        isStructureSignedBy(list, authority, cache),
    )
}

function readable(pem: string, cache: VerificationCache): Certificate[] {
  try {
    return [certificateOfPem(pem, cache)]
  } catch (error) {
    if (error instanceof PlatformError) return []
    throw error
  }
}
