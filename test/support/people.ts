import { createAccessKey, newAccessKeyPair } from '../../services/auth/index.ts'
import type { RowRef } from '../../services/audit/index.ts'
import { accessKeyBox } from '../../services/keys/index.ts'
import { record } from '../../services/operations/index.ts'
import type { TestApp } from './app.ts'
import type { AdminFile } from './client.ts'

export interface PersonOptions {
  readonly kind?: 'user' | 'workload'
  /** `admin` where left out. */
  readonly role?: string
  /** When the role was given, where that is not when the person was made known. */
  readonly grantedAtMs?: number
}

/** A principal with a role and an access key of his own, in the form in which clients of tests are made. */
export async function addPerson(
  app: Pick<TestApp, 'deps' | 'admin'>,
  name: string,
  options: PersonOptions = {},
): Promise<AdminFile & { readonly principal: string }> {
  const { deps, admin } = app
  const id = `usr-${name}`
  const { role = 'admin' } = options
  const pair = newAccessKeyPair(deps.random)
  const secretSealed = accessKeyBox(deps.keys).seal(pair.secret, pair.id)
  const event = { type: 'test', action: 'lacre:Install', resource: `principal/${id}` }
  await record(deps, event, async (tx, atMs) => {
    const kind = options.kind ?? 'user'
    await tx
      .insertInto('principal')
      .values({ id, kind, name, roles: JSON.stringify([role]), created_at: atMs })
      .execute()
    const touched: RowRef[] = [
      { table: 'principal', key: { id } },
      { table: 'access_key', key: { id: pair.id } },
    ]
    if (options.grantedAtMs !== undefined) {
      await tx
        .insertInto('role_grant')
        .values({
          principal_id: id,
          role,
          granted_at: options.grantedAtMs,
          granted_by: 'usr-admin',
        })
        .execute()
      touched.push({ table: 'role_grant', key: { principal_id: id, role } })
    }
    await createAccessKey(tx, { id: pair.id, secretSealed, principalId: id, createdAtMs: atMs })
    return { result: undefined, touched }
  })
  return { ...admin, accessKeyId: pair.id, secretAccessKey: pair.secret, principal: id }
}
