import type { Principal } from '../model/index.ts'
import type { Reader } from '../store/index.ts'

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
