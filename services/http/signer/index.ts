/** AWS Signer's API over publishers that the service keeps the keys of: the same objects as `/api/v1/publishers`. */
import type { Deps } from '../../operations/index.ts'
import type { SignerHandlers } from './handler.ts'
import { jobHandlers } from './jobs.ts'
import { permissionHandlers } from './permissions.ts'
import { platformHandlers } from './platforms.ts'
import { profileHandlers } from './profiles.ts'
import { revocationStatusHandlers } from './revocation-status.ts'
import { tagHandlers } from './tags.ts'

export type { SignerHandlers } from './handler.ts'
export { isSignerPath } from './operations-table.ts'
export { signerFace } from './service.ts'

/** Every operation, by AWS's name. */
export function signerHandlers(deps: Deps): SignerHandlers {
  return {
    ...profileHandlers(deps),
    ...permissionHandlers(deps),
    ...platformHandlers(),
    ...jobHandlers(deps),
    ...revocationStatusHandlers(deps),
    ...tagHandlers(deps),
  }
}
