import { sha256 } from '../../services/model/index.ts'
import type { TestApp } from './app.ts'
import { governance, type GovernanceAnswer } from './governance.ts'

export interface SealAnswer {
  readonly arn: string
  readonly sha256: string
  readonly publicKeyPem: string
  readonly seal: { readonly sha256: string; readonly body: string }
  readonly error?: { readonly code: string; readonly message: string }
}

/** Uploads a zip by its digest. */
export async function upload(app: Pick<TestApp, 'admin'>, zip: Uint8Array): Promise<string> {
  const digest = sha256(zip)
  await governance(app.admin, { method: 'PUT', path: `/artifacts/${digest}`, raw: zip })
  return digest
}

/** A seal by a managed publisher over a zip, uploaded first. */
export async function managedSeal(
  app: Pick<TestApp, 'admin'>,
  publisher: string,
  zip: Uint8Array,
  predicate: Record<string, unknown> = {},
): Promise<GovernanceAnswer<SealAnswer>> {
  const digest = await upload(app, zip)
  return await governance<SealAnswer>(app.admin, {
    method: 'POST',
    path: `/publishers/${publisher}/seals`,
    body: { sha256: digest, predicate },
  })
}
