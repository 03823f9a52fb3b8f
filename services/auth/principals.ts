import { PlatformError, type Place, type Principal } from '../model/index.ts'
import type { Reader } from '../store/index.ts'

/** The table that decides while no authorization set is loaded (RULES §5): `admin` may everything, nobody else anything. */
const ROLE_PATTERNS: Readonly<Record<string, RegExp>> = { admin: /^/ }

/**
 * May this principal call this action (`lambda:UpdateAlias`, `lacre:PutPublisher`)?
 * @throws PlatformError ACCESS_DENIED
 */
export function authorize(principal: Principal, action: string, place: Place): void {
  if (principal.roles.some((role) => ROLE_PATTERNS[role]?.test(action) === true)) return
  const arn = `arn:aws:iam::${place.account}:${principal.kind}/${principal.name}`
  throw new PlatformError(
    'ACCESS_DENIED',
    `User: ${arn} is not authorized to perform: ${action} because no identity-based policy allows the ${action} action`,
  )
}

/** The principal of a row, or `undefined`. */
export async function findPrincipal(reader: Reader, id: string): Promise<Principal | undefined> {
  const row = await reader
    .selectFrom('principal')
    .select(['id', 'kind', 'name', 'roles'])
    .where('id', '=', id)
    .executeTakeFirst()
  if (row === undefined) return undefined
  return { ...row, roles: JSON.parse(row.roles) as string[], claims: {} }
}
