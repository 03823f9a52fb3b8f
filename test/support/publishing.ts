import type { KeyObject } from 'node:crypto'

import { CreateCodeSigningConfigCommand } from '@aws-sdk/client-lambda'

import type { TestApp } from './app.ts'
import { governance } from './governance.ts'
import { keyPair } from './publisher-keys.ts'

export interface TestPublisher {
  readonly name: string
  /** Of its first version. */
  readonly arn: string
  readonly privateKey: KeyObject
  readonly publicPem?: string
}

/** A publisher of the kind `key` with a key of its own. */
export async function createPublisher(
  app: Pick<TestApp, 'admin'>,
  name: string,
): Promise<TestPublisher> {
  const { publicPem: pem, privateKey } = keyPair()
  const { body } = await governance<{ versions: { arn: string }[] }>(app.admin, {
    method: 'POST',
    path: '/publishers',
    body: { name, pem },
  })
  return { name, arn: body.versions[0]?.arn ?? '', privateKey, publicPem: pem }
}

/** A code signing config that names these ARNs. */
export async function createConfig(
  app: Pick<TestApp, 'client'>,
  policy: 'Warn' | 'Enforce',
  ...arns: readonly string[]
): Promise<string> {
  const { CodeSigningConfig: config } = await app.client.send(
    new CreateCodeSigningConfigCommand({
      AllowedPublishers: { SigningProfileVersionArns: [...arns] },
      CodeSigningPolicies: { UntrustedArtifactOnDeployment: policy },
    }),
  )
  return config?.CodeSigningConfigArn ?? ''
}
