import { PlatformError, type Principal } from '../model/index.ts'
import type { PrincipalTable, Reader, Writer } from '../store/index.ts'
import { toIdentity, type OidcIdentity } from './identities.ts'

/** A person or a workload as kept. */
export interface PrincipalRecord {
  readonly id: string
  readonly kind: 'user' | 'workload'
  readonly name: string
  readonly roles: readonly string[]
  readonly createdAtMs: number
  /** Where it was switched off. */
  readonly disabledAtMs: number | undefined
  /** Where it comes by tokens. */
  readonly identity: OidcIdentity | undefined
  /** When each role was given, and by whom; a role that is not here is as old as its principal. */
  readonly grants: readonly RoleGrant[]
}

export interface RoleGrant {
  readonly role: string
  readonly grantedAtMs: number
  /** A principal's id. */
  readonly grantedBy: string
}

/** The principal of a row as a caller, or `undefined`; one that was switched off is none. */
export async function findPrincipal(reader: Reader, id: string): Promise<Principal | undefined> {
  const row = await reader
    .selectFrom('principal')
    .select(['id', 'kind', 'name', 'roles', 'disabled_at'])
    .where('id', '=', id)
    .executeTakeFirst()
  if (row === undefined || row.disabled_at !== null) return undefined
  const { kind, name, roles } = row
  return { id, kind, name, roles: JSON.parse(roles) as string[], claims: {} }
}

/** By id or by name. @throws PlatformError RESOURCE_NOT_FOUND */
export async function getPrincipal(reader: Reader, idOrName: string): Promise<PrincipalRecord> {
  const all = await listPrincipals(reader)
  const found = all.find(({ id }) => id === idOrName) ?? all.find(({ name }) => name === idOrName)
  if (found !== undefined) return found
  throw new PlatformError(
    'RESOURCE_NOT_FOUND',
    `there is no principal \`${idOrName.slice(0, 128)}\``,
  )
}

/** Oldest first. */
export async function listPrincipals(reader: Reader): Promise<PrincipalRecord[]> {
  const rows = await reader
    .selectFrom('principal')
    .selectAll()
    .orderBy('created_at')
    .orderBy('id')
    .execute()
  const identities = await reader.selectFrom('oidc_identity').selectAll().execute()
  const grants = await reader.selectFrom('role_grant').selectAll().orderBy('role').execute()
  return rows.flatMap(({ kind, ...row }) => {
    if (kind === 'system') return []
    const identity = identities.find((one) => one.principal_id === row.id)
    return {
      id: row.id,
      kind,
      name: row.name,
      roles: JSON.parse(row.roles) as string[],
      createdAtMs: row.created_at,
      disabledAtMs: row.disabled_at ?? undefined,
      identity: identity && toIdentity(identity),
      grants: grants
        .filter((grant) => grant.principal_id === row.id)
        .map((grant) => ({
          role: grant.role,
          grantedAtMs: grant.granted_at,
          grantedBy: grant.granted_by,
        })),
    }
  })
}

/** @throws PlatformError RESOURCE_CONFLICT where the name is taken, for ever */
export async function insertPrincipal(
  tx: Writer,
  made: Pick<PrincipalRecord, 'id' | 'kind' | 'name' | 'createdAtMs' | 'identity'>,
): Promise<void> {
  const twin = await tx
    .selectFrom('principal')
    .select('id')
    .where('name', '=', made.name)
    .executeTakeFirst()
  if (twin !== undefined)
    throw new PlatformError('RESOURCE_CONFLICT', `the name \`${made.name}\` is taken`)
  const { id, kind, name, createdAtMs, identity } = made
  const row: PrincipalTable = { id, kind, name, roles: '[]', created_at: createdAtMs }
  await tx.insertInto('principal').values(row).execute()
  if (identity === undefined) return
  const { issuer, subject, claims } = identity
  await tx
    .insertInto('oidc_identity')
    .values({ principal_id: id, issuer, subject, claims: JSON.stringify(claims) })
    .execute()
}

/** @throws PlatformError RESOURCE_CONFLICT where it has the role */
export async function insertGrant(
  tx: Writer,
  principal: PrincipalRecord,
  { role, grantedAtMs, grantedBy }: RoleGrant,
): Promise<void> {
  if (principal.roles.includes(role))
    throw new PlatformError('RESOURCE_CONFLICT', `\`${principal.name}\` has the role \`${role}\``)
  await setRoles(tx, principal.id, [...principal.roles, role].toSorted())
  await tx
    .insertInto('role_grant')
    .values({
      principal_id: principal.id,
      role,
      granted_at: grantedAtMs,
      granted_by: grantedBy,
    })
    .execute()
}

/** @throws PlatformError RESOURCE_NOT_FOUND where it has not the role */
export async function deleteGrant(
  tx: Writer,
  principal: PrincipalRecord,
  role: string,
): Promise<void> {
  if (!principal.roles.includes(role))
    throw new PlatformError(
      'RESOURCE_NOT_FOUND',
      `\`${principal.name}\` has not the role \`${role.slice(0, 64)}\``,
    )
  await setRoles(
    tx,
    principal.id,
    principal.roles.filter((one) => one !== role),
  )
  await tx
    .deleteFrom('role_grant')
    .where('principal_id', '=', principal.id)
    .where('role', '=', role)
    .execute()
}

/** `null` switches it on again. */
export async function setDisabled(tx: Writer, id: string, atMs: number | null): Promise<void> {
  await tx.updateTable('principal').set({ disabled_at: atMs }).where('id', '=', id).execute()
}

async function setRoles(tx: Writer, id: string, roles: readonly string[]): Promise<void> {
  await tx
    .updateTable('principal')
    .set({ roles: JSON.stringify(roles) })
    .where('id', '=', id)
    .execute()
}
