import type { RowRef } from '../../audit/index.ts'
import {
  checkAdministered,
  checkIdentity,
  deleteGrant,
  getPrincipal as readPrincipal,
  insertGrant,
  insertPrincipal,
  listAccessKeys,
  listPrincipals as readPrincipals,
  setDisabled,
  type OidcIdentity,
  type PrincipalRecord,
} from '../../auth/index.ts'
import {
  PlatformError,
  newId,
  type Decision,
  type Json,
  type Principal,
} from '../../model/index.ts'
import type { Reader, Writer } from '../../store/index.ts'
import type { ChangeFactsInput, Committed } from '../change.ts'
import type { Caller, Deps } from '../context.ts'
import { govern } from '../gate.ts'

export interface NewPrincipal {
  readonly kind: 'user' | 'workload'
  readonly name: string
  readonly roles: readonly string[]
  /** Of a workload always, of a person where he comes by tokens. */
  readonly identity: OidcIdentity | undefined
}

export interface PrincipalChange {
  readonly principal: PrincipalRecord
  readonly decision: Decision
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/
/** Names that could be taken for ids. */
const ID_LIKE = /^(?:usr|wkl)-/
const ROLES_LIMIT = 32

export async function listPrincipals(deps: Deps): Promise<PrincipalRecord[]> {
  return await deps.store.snapshot(readPrincipals)
}

/** By id or name. @throws PlatformError RESOURCE_NOT_FOUND */
export async function getPrincipal(deps: Deps, idOrName: string): Promise<PrincipalRecord> {
  return await deps.store.snapshot((reader) => readPrincipal(reader, idOrName))
}

/**
 * A person or a workload with its first roles, each a grant of the caller's.
 * @throws PlatformError INVALID_PARAMETER, RESOURCE_CONFLICT (the name), ACCESS_DENIED (more than the caller has)
 */
export async function createPrincipal(
  deps: Deps,
  caller: Caller,
  made: NewPrincipal,
): Promise<PrincipalChange> {
  checkNew(deps, made)
  const { kind, name, identity } = made
  const roles = [...new Set(made.roles)]
  const id = newId(kind === 'user' ? 'usr' : 'wkl', deps.clock, deps.random)
  return await change(deps, caller, {
    action: 'lacre:CreatePrincipal',
    resource: principalArn(deps, kind, name),
    to: roles.toSorted().join(', '),
    read: (reader) => checkGrants(deps, reader, caller, roles),
    write: async (tx, atMs) => {
      await insertPrincipal(tx, { id, kind, name, createdAtMs: atMs, identity })
      for (const role of roles)
        await insertGrant(tx, await readPrincipal(tx, id), grantOf(caller, role, atMs))
      return id
    },
    touched: (written) => {
      const rows: RowRef[] = roles.map((role) => grantRow(written, role))
      rows.push({ table: 'principal', key: { id: written } })
      if (identity !== undefined)
        rows.push({ table: 'oidc_identity', key: { principal_id: written } })
      return rows
    },
    note: { kind, principal: id, roles },
  })
}

/** @throws PlatformError RESOURCE_NOT_FOUND, RESOURCE_CONFLICT, INVALID_PARAMETER (no such role), ACCESS_DENIED */
export async function grantRole(
  deps: Deps,
  caller: Caller,
  { to, role }: { readonly to: string; readonly role: string },
): Promise<PrincipalChange> {
  const principal = await getPrincipal(deps, to)
  return await change(deps, caller, {
    action: 'lacre:GrantRole',
    resource: principalArn(deps, principal.kind, principal.name),
    to: role,
    read: (reader) => checkGrants(deps, reader, caller, [role]),
    write: async (tx, atMs) => {
      await insertGrant(tx, await readPrincipal(tx, principal.id), grantOf(caller, role, atMs))
      return principal.id
    },
    touched: (id) => [{ table: 'principal', key: { id } }, grantRow(id, role)],
    note: { principal: principal.id, role },
  })
}

/** @throws PlatformError RESOURCE_NOT_FOUND, RESOURCE_CONFLICT (nobody could administer any more) */
export async function revokeRole(
  deps: Deps,
  caller: Caller,
  { of, role }: { readonly of: string; readonly role: string },
): Promise<PrincipalChange> {
  const principal = await getPrincipal(deps, of)
  return await change(deps, caller, {
    action: 'lacre:RevokeRole',
    resource: principalArn(deps, principal.kind, principal.name),
    from: role,
    read: async (reader) => {
      const now = await readPrincipal(reader, principal.id)
      await checkWithout(reader, { ...now, roles: now.roles.filter((one) => one !== role) })
    },
    write: async (tx) => {
      await deleteGrant(tx, await readPrincipal(tx, principal.id), role)
      return principal.id
    },
    touched: (id) => [{ table: 'principal', key: { id } }, grantRow(id, role)],
    note: { principal: principal.id, role },
  })
}

/**
 * From the commit on nothing is believed that comes in this name: keys, tokens.
 * @throws PlatformError RESOURCE_NOT_FOUND, RESOURCE_CONFLICT (off already; nobody could administer any more)
 */
export async function disablePrincipal(
  deps: Deps,
  caller: Caller,
  idOrName: string,
): Promise<PrincipalChange> {
  const principal = await getPrincipal(deps, idOrName)
  return await change(deps, caller, {
    action: 'lacre:DisablePrincipal',
    resource: principalArn(deps, principal.kind, principal.name),
    from: 'on',
    to: 'off',
    read: async (reader, atMs) => {
      const now = await readPrincipal(reader, principal.id)
      if (now.disabledAtMs !== undefined)
        throw new PlatformError('RESOURCE_CONFLICT', `\`${now.name}\` is switched off already`)
      await checkWithout(reader, { ...now, disabledAtMs: atMs })
    },
    write: async (tx, atMs) => {
      await setDisabled(tx, principal.id, atMs)
      return principal.id
    },
    touched: (id) => [{ table: 'principal', key: { id } }],
    note: { principal: principal.id },
  })
}

/**
 * Gives back what the principal had, and so is a grant of each of its roles.
 * @throws PlatformError RESOURCE_NOT_FOUND, RESOURCE_CONFLICT (on already), ACCESS_DENIED
 */
export async function enablePrincipal(
  deps: Deps,
  caller: Caller,
  idOrName: string,
): Promise<PrincipalChange> {
  const principal = await getPrincipal(deps, idOrName)
  return await change(deps, caller, {
    action: 'lacre:EnablePrincipal',
    resource: principalArn(deps, principal.kind, principal.name),
    from: 'off',
    to: 'on',
    read: async (reader) => {
      const now = await readPrincipal(reader, principal.id)
      if (now.disabledAtMs === undefined)
        throw new PlatformError('RESOURCE_CONFLICT', `\`${now.name}\` is not switched off`)
      await checkGrants(deps, reader, caller, now.roles)
    },
    write: async (tx) => {
      await setDisabled(tx, principal.id, null)
      return principal.id
    },
    touched: (id) => [{ table: 'principal', key: { id } }],
    note: { principal: principal.id },
  })
}

interface AccessChange {
  readonly action: string
  readonly resource: string
  readonly from?: string
  readonly to?: string
  /** Guards; read again when the world moved. */
  read(reader: Reader, atMs: number): Promise<void>
  /** Answers the principal's id. */
  write(tx: Writer, atMs: number): Promise<string>
  touched(id: string): Committed<unknown>['touched']
  readonly note: Json
}

/** Every write here raises the world: the commit refuses what was read before another of them. */
async function change(deps: Deps, caller: Caller, about: AccessChange): Promise<PrincipalChange> {
  const { action, resource, from = null, to = null, note } = about
  const { result, decision } = await govern(deps, caller, {
    action,
    resource,
    raisesWorld: true,
    read: async (reader, atMs) => {
      await about.read(reader, atMs)
      return nothingLive(from, to)
    },
    commit: async (tx, _admitted, atMs) => {
      const id = await about.write(tx, atMs)
      return { result: await readPrincipal(tx, id), touched: about.touched(id) }
    },
    note: () => note,
  })
  return { principal: result, decision }
}

function nothingLive(from: string | null, to: string | null): ChangeFactsInput {
  return {
    change: { from, to },
    release: null,
    subjects: [],
    codeSigningConfigId: null,
    environmentNames: [],
  }
}

export async function checkGrants(
  deps: Deps,
  reader: Reader,
  { principal }: Caller,
  roles: readonly string[],
): Promise<void> {
  const granter = await asKept(reader, principal)
  for (const role of roles) await deps.access.checkGrant(reader, granter, role)
}

/** With the roles that he has now, not those that he had when the request came in. @throws PlatformError ACCESS_DENIED */
export async function asKept(reader: Reader, principal: Principal): Promise<Principal> {
  const kept = (await readPrincipals(reader)).find(({ id }) => id === principal.id)
  if (kept?.disabledAtMs !== undefined)
    throw new PlatformError('ACCESS_DENIED', `\`${kept.name}\` is switched off`)
  return kept === undefined ? principal : { ...principal, roles: kept.roles }
}

async function checkWithout(reader: Reader, after: PrincipalRecord): Promise<void> {
  const all = await readPrincipals(reader)
  checkAdministered(
    all.map((one) => (one.id === after.id ? after : one)),
    await listAccessKeys(reader),
  )
}

function checkNew(deps: Deps, { kind, name, roles, identity }: NewPrincipal): void {
  if (!NAME.test(name) || ID_LIKE.test(name))
    throw new PlatformError(
      'INVALID_PARAMETER',
      'a name is 1 to 64 letters, digits and `._@-`, and does not begin as ids do',
    )
  if (roles.length > ROLES_LIMIT)
    throw new PlatformError('INVALID_PARAMETER', `a principal has at most ${ROLES_LIMIT} roles`)
  if (identity === undefined) {
    if (kind === 'user') return
    throw new PlatformError('INVALID_PARAMETER', 'a workload comes with tokens: name its issuer')
  }
  checkIdentity(kind, identity)
  if (deps.access.issuers.includes(identity.issuer)) return
  throw new PlatformError(
    'INVALID_PARAMETER',
    `\`${identity.issuer.slice(0, 200)}\` is no issuer that this service takes tokens of (serve --oidc-issuer)`,
  )
}

function grantOf(caller: Caller, role: string, grantedAtMs: number) {
  return { role, grantedAtMs, grantedBy: caller.principal.id }
}

function grantRow(id: string, role: string): RowRef {
  return { table: 'role_grant', key: { principal_id: id, role } }
}

function principalArn({ place }: Deps, kind: string, name: string): string {
  return `arn:aws:iam::${place.account}:${kind}/${name}`
}
