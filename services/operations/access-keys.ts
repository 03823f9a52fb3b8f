import {
  checkDisabling,
  createAccessKey as insertAccessKey,
  disableAccessKey as disableRow,
  listAccessKeys as selectAccessKeys,
  newAccessKeyPair,
  type AccessKey,
  type AccessKeyPair,
  type SecretBox,
} from '../auth/index.ts'
import type { Decision } from '../model/index.ts'
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
 * A new key for the caller: the secret is in this answer and nowhere else. No one grants more than he has (RULES §5),
 * and so nobody makes keys for others.
 */
export async function createAccessKey(
  deps: Deps,
  caller: Caller,
  parts: Pick<AccessKeyParts, 'box'>,
): Promise<{ readonly key: AccessKey; readonly pair: AccessKeyPair; readonly decision: Decision }> {
  const pair = newAccessKeyPair(deps.random)
  const secretSealed = parts.box.seal(pair.secret, pair.id)
  const principalId = caller.principal.id
  const { result, decision } = await govern(deps, caller, {
    action: 'lacre:CreateAccessKey',
    resource: accessKeyArn(deps, pair.id),
    raisesWorld: true,
    read: () => Promise.resolve(keyChange(null, 'Active')),
    commit: async (tx, _admitted, createdAtMs) => ({
      result: await insertAccessKey(tx, { id: pair.id, secretSealed, principalId, createdAtMs }),
      touched: [{ table: 'access_key', key: { id: pair.id } }],
    }),
    note: () => ({ accessKey: pair.id, principal: principalId }),
  })
  return { key: result, pair, decision }
}

/** Every key of everybody, without secrets. */
export async function listAccessKeys(deps: Deps): Promise<AccessKey[]> {
  return await selectAccessKeys(deps.store.reader)
}

/**
 * From the commit on nothing signed with it is believed.
 * @throws PlatformError RESOURCE_NOT_FOUND, RESOURCE_CONFLICT (the last active key)
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
        checkDisabling(await selectAccessKeys(reader), id)
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
