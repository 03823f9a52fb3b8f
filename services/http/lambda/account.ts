import { limits } from '../../model/index.ts'
import { getAccountSettings, type Deps } from '../../operations/index.ts'
import type { LambdaHandlers } from './handler.ts'

/** The account's limits and what of them is used. */
export function accountHandlers(deps: Deps): LambdaHandlers {
  return {
    GetAccountSettings: async () => {
      const settings = await getAccountSettings(deps)
      return {
        status: 200,
        body: {
          AccountLimit: {
            TotalCodeSize: settings.codeStorageBytes,
            CodeSizeUnzipped: limits.UNZIPPED_SIZE_LIMIT_BYTES,
            CodeSizeZipped: limits.ZIPPED_INLINE_LIMIT_BYTES,
            ConcurrentExecutions: settings.concurrency,
            UnreservedConcurrentExecutions: settings.unreservedConcurrency,
          },
          AccountUsage: {
            TotalCodeSize: settings.usedBytes,
            FunctionCount: settings.functionCount,
          },
        },
      }
    },
  }
}
