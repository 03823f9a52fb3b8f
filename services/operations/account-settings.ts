import { sumCodeUsage } from '../catalog/index.ts'
import { PlatformError, limits } from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import type { Deps } from './context.ts'
import { readAccountConcurrency } from './reserved-concurrency.ts'

export interface AccountSettings {
  readonly codeStorageBytes: number
  readonly concurrency: number
  readonly unreservedConcurrency: number
  readonly functionCount: number
  /** Packages of every version and layer version, each counted as often as it is there. */
  readonly usedBytes: number
}

/** What this installation allows and holds, as AWS tells it of an account. */
export async function getAccountSettings(deps: Deps): Promise<AccountSettings> {
  return await deps.store.snapshot(async (reader) => {
    const { functionCount, bytes } = await sumCodeUsage(reader)
    const { limit, unreserved } = await readAccountConcurrency(reader)
    return {
      codeStorageBytes: codeStorageBytes(deps),
      concurrency: limit,
      unreservedConcurrency: unreserved,
      functionCount,
      usedBytes: bytes,
    }
  })
}

/** @throws PlatformError QUOTA_EXCEEDED, as AWS's CodeStorageExceededException */
export async function checkCodeStorage(
  deps: Deps,
  reader: Reader,
  addedBytes: number,
): Promise<void> {
  const { bytes } = await sumCodeUsage(reader)
  if (bytes + addedBytes <= codeStorageBytes(deps)) return
  throw new PlatformError('QUOTA_EXCEEDED', 'Code storage limit exceeded.', {
    detail: { awsType: 'CodeStorageExceededException' },
  })
}

function codeStorageBytes(deps: Deps): number {
  return deps.quotas?.codeStorageBytes ?? limits.CODE_STORAGE_LIMIT_BYTES
}
