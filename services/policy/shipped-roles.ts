import { API_ACTIONS, GOVERN_GROUPS, type ActionGroup, type Principal } from '../model/index.ts'

/**
 * What the shipped roles may do, for when the authorization set does not load (RULES §5). The same as
 * `policies/authorization/roles.cedar`; a test holds the two together over every role and action.
 */
export const SHIPPED_ROLES: ReadonlyMap<string, ReadonlySet<ActionGroup>> = new Map<
  string,
  ReadonlySet<ActionGroup>
>([
  [
    'admin',
    new Set([
      'read',
      'logs',
      'deploy',
      'activate',
      'invoke',
      'approve',
      'withdraw',
      ...GOVERN_GROUPS,
    ]),
  ],
  ['deployer', new Set(['read', 'logs', 'deploy', 'activate', 'withdraw'])],
  ['approver', new Set(['read', 'approve', 'withdraw'])],
  ['publisher-admin', new Set(['read', 'trust'])],
  ['auditor', new Set(['read'])],
  ['invoker', new Set(['invoke'])],
])

/** What everybody who is known may ask. */
const OPEN_ACTION = 'lacre:WhoAmI'

/** The role of the table that lets this principal do this, or `undefined`. */
export function shippedRoleFor(
  principal: Pick<Principal, 'kind' | 'roles'>,
  action: string,
): string | undefined {
  const group = API_ACTIONS.get(action)?.group
  // Workloads do not approve (RULES §5); the service itself asks nobody.
  if (group === undefined || principal.kind === 'system') return undefined
  if (group === 'approve' && principal.kind !== 'user') return undefined
  if (action === OPEN_ACTION) return 'everybody'
  return principal.roles.find((role) => SHIPPED_ROLES.get(role)?.has(group) === true)
}
