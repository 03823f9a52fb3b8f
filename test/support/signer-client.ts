import { SignerClient } from '@aws-sdk/client-signer'

import type { AdminFile } from './client.ts'

/** The unmodified SDK; GetRevocationStatus's host prefix means nothing on an address. */
export function signerClient(admin: AdminFile): SignerClient {
  const { endpoint, region, accessKeyId, secretAccessKey } = admin
  const credentials = { accessKeyId, secretAccessKey }
  return new SignerClient({
    endpoint,
    region,
    maxAttempts: 1,
    credentials,
    disableHostPrefix: true,
  })
}
