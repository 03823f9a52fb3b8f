import { PlatformError } from '../model/index.ts'

interface Holder {
  readonly id: string
  readonly kind: string
  readonly roles: readonly string[]
  readonly disabledAtMs: number | undefined
}

/**
 * Somebody must be left who can repair what went wrong: a person with the role `admin`, switched on, with an active
 * access key. Tokens do not count: they come and go with a configuration.
 * @param principals, keys as they would be after the change @throws PlatformError RESOURCE_CONFLICT
 */
export function checkAdministered(
  principals: readonly Holder[],
  keys: readonly { readonly principalId: string; readonly status: string }[],
): void {
  const left = principals.some(
    ({ id, kind, roles, disabledAtMs }) =>
      kind === 'user' &&
      disabledAtMs === undefined &&
      roles.includes('admin') &&
      keys.some(({ principalId, status }) => principalId === id && status === 'Active'),
  )
  if (!left)
    throw new PlatformError(
      'RESOURCE_CONFLICT',
      'nobody could administer this installation any more: the last `admin` with an active access key stays',
    )
}
