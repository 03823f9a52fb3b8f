import type { Json } from '../../model/index.ts'
import {
  addProfilePermission,
  listProfilePermissions,
  removeProfilePermission,
  type Deps,
} from '../../operations/index.ts'
import { textMember } from '../lambda/members.ts'
import { ConstraintCheck } from '../lambda/validation.ts'
import type { SignerHandlers } from './handler.ts'
import { invalid, queryText } from './input.ts'
import { readProfile } from './profiles.ts'

const ACTIONS = [
  'signer:StartSigningJob',
  'signer:SignPayload',
  'signer:GetSigningProfile',
  'signer:RevokeSignature',
]

/** Who else may use a profile: kept and answered; with one account there is nobody else to let in. */
export function permissionHandlers(deps: Deps): SignerHandlers {
  return {
    AddProfilePermission: async (request) => {
      const { json, caller } = request
      const profile = await readProfile(deps, request)
      const check = new ConstraintCheck()
      for (const member of ['action', 'principal', 'statementId'])
        check.required(member, json[member])
      const version = textMember(json, 'profileVersion')
      check.pattern('profileVersion', version, /^[a-zA-Z0-9]{10}$/, '^[a-zA-Z0-9]{10}$')
      check.finish()
      const action = textMember(json, 'action') ?? ''
      if (!ACTIONS.includes(action)) throw invalid(`\`${action}\` is no action of a profile`)
      const { result, decision } = await addProfilePermission(deps, caller, {
        name: profile.name,
        revisionId: textMember(json, 'revisionId'),
        permission: {
          action,
          principal: textMember(json, 'principal') ?? '',
          statementId: textMember(json, 'statementId') ?? '',
          ...(version !== undefined && { profileVersion: version }),
        },
      })
      return { body: { revisionId: result }, decision }
    },
    ListProfilePermissions: async (request) => {
      const { name } = await readProfile(deps, request)
      const { revisionId, permissions } = await listProfilePermissions(deps, name)
      const list = permissions.map((permission): Json => ({ ...permission }))
      const policySizeBytes = Buffer.byteLength(JSON.stringify(list))
      return {
        body: {
          ...(revisionId !== undefined && { revisionId }),
          policySizeBytes,
          permissions: list,
        },
      }
    },
    RemoveProfilePermission: async (request) => {
      const { name } = await readProfile(deps, request)
      const check = new ConstraintCheck()
      const revisionId = queryText(request, 'revisionId')
      check.required('revisionId', revisionId)
      check.finish()
      const { result, decision } = await removeProfilePermission(deps, request.caller, {
        name,
        statementId: request.path['statementId'] ?? '',
        revisionId: revisionId ?? '',
      })
      return { body: { revisionId: result }, decision }
    },
  }
}
