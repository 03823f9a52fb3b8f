import type { RolledBack } from '../../services/main.ts'
import { PlatformError, type PolicyKind } from '../../services/model/index.ts'

/** What the last resort needs: the directory, and its master key where that lies elsewhere. */
export interface OfflineOptions {
  readonly data: string
  readonly masterKeyFile?: string
}

/**
 * Puts an earlier set in force with the service stopped; `undefined` where it runs.
 * @throws PlatformError as `rollbackPolicies`
 */
export async function rollbackStopped(
  options: OfflineOptions,
  wanted: {
    readonly kind: PolicyKind
    readonly version: number | undefined
    readonly ifVersion: number | undefined
  },
): Promise<RolledBack | undefined> {
  // Imported here: nobody else of the command needs the database.
  const { rollbackPolicies } = await import('../../services/main.ts')
  try {
    return await rollbackPolicies({ ...options, ...wanted })
  } catch (error) {
    if (error instanceof PlatformError && error.code === 'DATA_DIRECTORY_IN_USE') return undefined
    throw error
  }
}
