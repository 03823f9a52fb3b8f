import {
  checkAdministered,
  createAccessKey as insertAccessKey,
  disableAccessKey as disableRow,
  getPrincipal,
  listAccessKeys as selectAccessKeys,
  listPrincipals,
  newAccessKeyPair,
  withDisabled,
  type AccessKey,
  type AccessKeyPair,
  type PrincipalRecord,
  type SecretBox,
} from '../auth/index.ts'
import { PlatformError, type Decision } from '../model/index.ts'
import { checkGrants } from './access/principals.ts'
import type { ChangeFactsInput } from './change.ts'
import type { Caller, Deps } from './context.ts'
import { govern } from './gate.ts'

/** What `auth` and the edge add to `Deps`. */
export interface AccessKeyParts {
  /** Seals a secret as the authenticator opens it. */
  readonly box: SecretBox
  /** Makes every key be read again; called after the commit. */
  readonly forget: () => void
}

/**
 * A new key for a person, the caller where nobody is named: the secret is in this answer and nowhere else. No one grants
 * more than he has (RULES §5): a key for somebody else wants every role of his.
 * @throws PlatformError RESOURCE_NOT_FOUND, RESOURCE_CONFLICT (switched off), INVALID_PARAMETER (a workload), ACCESS_DENIED
 */
export async function createAccessKey(
  deps: Deps,
  caller: Caller,
  parts: Pick<AccessKeyParts, 'box'> & { readonly owner?: string | undefined },
): Promise<{ readonly key: AccessKey; readonly pair: AccessKeyPair; readonly decision: Decision }> {
  const pair = newAccessKeyPair(deps.random)
  const secretSealed = parts.box.seal(pair.secret, pair.id)
  const owned = { id: '' }
  const { result, decision } = await govern(deps, caller, {
    action: 'lacre:CreateAccessKey',
    resource: accessKeyArn(deps, pair.id),
    raisesWorld: true,
    read: async (reader) => {
      const owner = await getPrincipal(reader, parts.owner ?? caller.principal.id)
      checkOwner(owner)
      if (owner.id !== caller.principal.id) await checkGrants(deps, reader, caller, owner.roles)
      owned.id = owner.id
      return keyChange(null, 'Active')
    },
    commit: async (tx, _admitted, createdAtMs) => {
      const row = { id: pair.id, secretSealed, principalId: owned.id, createdAtMs }
      return {
        result: await insertAccessKey(tx, row),
        touched: [{ table: 'access_key', key: { id: pair.id } }],
      }
    },
    note: () => ({ accessKey: pair.id, principal: owned.id }),
  })
  return { key: result, pair, decision }
}

function checkOwner(owner: PrincipalRecord): void {
  if (owner.kind !== 'user')
    throw new PlatformError(
      'INVALID_PARAMETER',
      `\`${owner.name}\` is a workload: it comes with a token of its issuer`,
    )
  if (owner.disabledAtMs !== undefined)
    throw new PlatformError('RESOURCE_CONFLICT', `\`${owner.name}\` is switched off`)
}

/** Every key of everybody, without secrets. */
export async function listAccessKeys(deps: Deps): Promise<AccessKey[]> {
  return await selectAccessKeys(deps.store.reader)
}

/**
 * From the commit on nothing signed with it is believed.
 * @throws PlatformError RESOURCE_NOT_FOUND, RESOURCE_CONFLICT (nobody could administer any more)
 */
export async function disableAccessKey(
  deps: Deps,
  caller: Caller,
  { id, forget }: { readonly id: string } & Pick<AccessKeyParts, 'forget'>,
): Promise<{ readonly key: AccessKey; readonly decision: Decision }> {
  try {
    const { result, decision } = await govern(deps, caller, {
      action: 'lacre:DisableAccessKey',
      resource: accessKeyArn(deps, id),
      raisesWorld: true,
      read: async (reader) => {
        checkAdministered(
          await listPrincipals(reader),
          withDisabled(await selectAccessKeys(reader), id),
        )
        return keyChange('Active', 'Inactive')
      },
      commit: async (tx) => ({
        result: await disableRow(tx, id),
        touched: [{ table: 'access_key', key: { id } }],
      }),
      note: () => ({ accessKey: id }),
    })
    return { key: result, decision }
  } finally {
    // Also where something failed behind the commit: a key read once too often costs nothing.
    forget()
  }
}

function accessKeyArn(deps: Deps, id: string): string {
  return `arn:aws:iam::${deps.place.account}:access-key/${id.slice(0, 128)}`
}

function keyChange(from: string | null, to: string): ChangeFactsInput {
  return {
    change: { from, to },
    release: null,
    subjects: [],
    codeSigningConfigId: null,
    environmentNames: [],
  }
}
