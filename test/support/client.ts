import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { LambdaClient } from '@aws-sdk/client-lambda'

/** What `admin.json` holds. */
export interface AdminFile {
  readonly endpoint: string
  readonly region: string
  readonly account: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

/** The SDK as anybody would set it up. */
export function lambdaClient(admin: AdminFile, maxAttempts = 1): LambdaClient {
  const { endpoint, region, accessKeyId, secretAccessKey } = admin
  return new LambdaClient({
    endpoint,
    region,
    maxAttempts,
    credentials: { accessKeyId, secretAccessKey },
  })
}

export function readAdminFile(dataDir: string): AdminFile {
  return JSON.parse(readFileSync(join(dataDir, 'admin.json'), 'utf8')) as AdminFile
}
