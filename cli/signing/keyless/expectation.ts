import { PlatformError, type PublisherDocument } from '../../../services/model/index.ts'
import { encodePem } from '../../../services/seal/index.ts'
import {
  parsePublisherDocument,
  parseTrustedRoot,
  publisherFromPem,
  VerificationCache,
} from '../../../services/trust/index.ts'
import { readSmallFile } from '../read-file.ts'
import type { SigningIdentity } from '../signing-identity.ts'
import type { KeylessIdentity } from './keyless-identity.ts'
import type { SigningServices } from './signing-services.ts'

interface TrustedRootOption {
  readonly trustedRoot?: string
}
interface Expectation {
  readonly expected?: PublisherDocument
}

/** Whether it can be read is found out before anything is asked. @throws PlatformError INVALID_SEAL */
export function checkTrustedRoot({ trustedRoot }: TrustedRootOption): void {
  if (trustedRoot === undefined) return
  parseTrustedRoot(readSmallFile(trustedRoot).toString('utf8'), new VerificationCache())
}

/** The publisher as whom `lacre verify` would take this identity, by the thresholds of the kind. */
export function expectKeyless(
  { trustedRoot }: TrustedRootOption,
  { name, issuer }: KeylessIdentity,
): Expectation {
  if (trustedRoot === undefined) return {}
  const document = {
    kind: 'oidc',
    trustedRoot: readSmallFile(trustedRoot).toString('utf8'),
    issuer,
    identity: { type: name.type, value: name.value },
  }
  return { expected: parsePublisherDocument(document) }
}

/** The key, and of the logs and authorities asked every one. */
export function expectKey(
  { trustedRoot }: TrustedRootOption,
  { logs, timestampServers }: SigningServices,
  { leaf, publicKey }: SigningIdentity,
): Expectation {
  if (trustedRoot === undefined) return {}
  if (leaf !== undefined)
    throw new PlatformError(
      'INVALID_PARAMETER',
      '--trusted-root goes with keyless signing or a plain key, not with a certificate of your own',
    )
  return {
    expected: {
      ...publisherFromPem(encodePem('PUBLIC KEY', publicKey.spki)),
      trustedRoot: readSmallFile(trustedRoot).toString('utf8'),
      thresholds: { logs: logs.length, timestamps: timestampServers.length },
    },
  }
}
