import {
  deleteResourcePolicyRow,
  findResourcePolicy,
  getPublisher,
  putResourcePolicyRow,
} from '../catalog/index.ts'
import { PlatformError, type Decision } from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import type { Caller, Deps } from './context.ts'
import { govern } from './gate.ts'
import { publisherArn, trustChange } from './publishers.ts'

/** One statement of AWS Signer's AddProfilePermission. */
export interface ProfilePermission {
  readonly action: string
  readonly principal: string
  readonly statementId: string
  readonly profileVersion?: string
}

export interface ProfilePermissions {
  readonly revisionId: string | undefined
  readonly permissions: readonly ProfilePermission[]
}

type Changed = Promise<{ readonly result: string; readonly decision: Decision }>

/** AWS: a resource policy. */
const PERMISSIONS_LIMIT_BYTES = 20_480

/** @throws PlatformError RESOURCE_NOT_FOUND, RESOURCE_CONFLICT (the id is taken, the revision has moved) */
export async function addProfilePermission(
  deps: Deps,
  caller: Caller,
  input: {
    readonly name: string
    readonly permission: ProfilePermission
    readonly revisionId: string | undefined
  },
): Changed {
  const { name, permission, revisionId } = input
  return await change(deps, caller, { action: 'signer:AddProfilePermission', name, revisionId }, (before) => {
    if (before.some(({ statementId }) => statementId === permission.statementId))
      throw new PlatformError(
        'RESOURCE_CONFLICT',
        `the statement id \`${permission.statementId.slice(0, 80)}\` is taken`,
      )
    return [...before, permission]
  }) // prettier-ignore
}

/** @throws PlatformError RESOURCE_NOT_FOUND (profile or statement), RESOURCE_CONFLICT (the revision has moved) */
export async function removeProfilePermission(
  deps: Deps,
  caller: Caller,
  input: { readonly name: string; readonly statementId: string; readonly revisionId: string },
): Changed {
  const { name, statementId, revisionId } = input
  return await change(deps, caller, { action: 'signer:RemoveProfilePermission', name, revisionId }, (before) => {
    if (before.some((one) => one.statementId === statementId))
      return before.filter((one) => one.statementId !== statementId)
    throw new PlatformError('RESOURCE_NOT_FOUND', `there is no statement \`${statementId.slice(0, 80)}\``)
  }) // prettier-ignore
}

export async function listProfilePermissions(
  deps: Deps,
  name: string,
): Promise<ProfilePermissions> {
  return await read(deps, deps.store.reader, name)
}

async function read(deps: Deps, reader: Reader, name: string): Promise<ProfilePermissions> {
  await getPublisher(reader, deps.place, name)
  const place = { owner: publisherArn(deps.place, name), qualifier: '' }
  const row = await findResourcePolicy(reader, place)
  if (row === undefined) return { revisionId: undefined, permissions: [] }
  const permissions = JSON.parse(row.document) as ProfilePermission[]
  return { revisionId: row.revisionId, permissions }
}

async function change(
  deps: Deps,
  caller: Caller,
  about: {
    readonly action: string
    readonly name: string
    readonly revisionId: string | undefined
  },
  edit: (before: readonly ProfilePermission[]) => readonly ProfilePermission[],
): Changed {
  const { action, name } = about
  const owner = publisherArn(deps.place, name)
  const revision = deps.random.uuid()
  const edited = async (reader: Reader): Promise<readonly ProfilePermission[]> => {
    const { revisionId, permissions } = await read(deps, reader, name)
    if (about.revisionId !== undefined && about.revisionId !== revisionId)
      throw new PlatformError('RESOURCE_CONFLICT', 'the revision id is not that of the permissions')
    const after = edit(permissions)
    if (Buffer.byteLength(JSON.stringify(after)) <= PERMISSIONS_LIMIT_BYTES) return after
    throw new PlatformError('QUOTA_EXCEEDED', 'the permissions of the profile are too large')
  }
  return await govern(deps, caller, {
    action,
    resource: owner,
    raisesWorld: true,
    read: async (reader) => trustChange(null, `${(await edited(reader)).length} permissions`),
    commit: async (tx, { decision }) => {
      const after = await edited(tx)
      const place = { owner, qualifier: '' }
      const policy = {
        document: JSON.stringify(after),
        revisionId: revision,
        decisionId: decision.id,
      }
      const touched =
        after.length === 0
          ? await deleteResourcePolicyRow(tx, place)
          : [await putResourcePolicyRow(tx, { ...place, ...policy })]
      return { result: revision, touched }
    },
  })
}
