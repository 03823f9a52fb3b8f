import type { Principal, ResourceRef } from '../model/index.ts'

/**
 * Answers the first question of RULES §5. Made of policies, which this folder does not know, and handed in where the
 * service is put together.
 */
export interface Authorizer {
  /**
   * @param resource `undefined` where only the body names it: answers then whether anything might allow it, and the
   * question with the thing must follow. @throws PlatformError ACCESS_DENIED
   */
  authorize(principal: Principal, action: string, resource: ResourceRef | undefined): Promise<void>
  /** Called after each commit, when what was remembered of principals, keys and answers may no longer hold. */
  onForget(listener: () => void): void
}
