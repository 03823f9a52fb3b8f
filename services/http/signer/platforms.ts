import { PlatformError, type Json } from '../../model/index.ts'
import { ConstraintCheck } from '../lambda/validation.ts'
import type { SignerHandlers } from './handler.ts'
import { PLATFORM_ID, queryText, readPage } from './input.ts'

/** The one platform: zips for Lambda, P-384 with SHA-384. */
const PLATFORM: Json = {
  platformId: PLATFORM_ID,
  displayName: 'AWS Lambda',
  partner: 'AWSLambda',
  target: 'SHA384-ECDSA',
  signingConfiguration: {
    encryptionAlgorithmOptions: { allowedValues: ['ECDSA'], defaultValue: 'ECDSA' },
    // The model's enum stops at SHA256; AWS Lambda's platform signs with SHA-384 all the same.
    hashAlgorithmOptions: { allowedValues: ['SHA384'], defaultValue: 'SHA384' },
  },
  signingImageFormat: { supportedFormats: ['JSONEmbedded'], defaultFormat: 'JSONEmbedded' },
  maxSizeInMB: 250,
  revocationSupported: true,
}

export function platformHandlers(): SignerHandlers {
  return {
    GetSigningPlatform: ({ path }) => {
      if (path['platformId'] === PLATFORM_ID) return Promise.resolve({ body: PLATFORM })
      const id = (path['platformId'] ?? '').slice(0, 80)
      throw new PlatformError('RESOURCE_NOT_FOUND', `there is no signing platform \`${id}\``)
    },
    ListSigningPlatforms: (request) => {
      const check = new ConstraintCheck()
      const { after } = readPage(check, request)
      check.finish()
      const fits =
        after === undefined &&
        (queryText(request, 'category') ?? 'AWS') === 'AWS' &&
        (queryText(request, 'partner') ?? 'AWSLambda') === 'AWSLambda' &&
        (queryText(request, 'target') ?? 'SHA384-ECDSA') === 'SHA384-ECDSA'
      return Promise.resolve({ body: { platforms: fits ? [PLATFORM] : [] } })
    },
  }
}
