import type { AdminFile } from './client.ts'
import { governance, type GovernanceAnswer } from './governance.ts'

/** What `/api/v1/policy-sets` answers of one set, as far as tests look at it. */
export interface SetAnswer {
  readonly version: number
  readonly name: string
  readonly digest: string
  readonly document: string
  readonly how: string
  readonly ofVersion: number | null
  readonly principal: string
  readonly decision: string | null
  readonly inForce: boolean
  readonly fault: string | null
  readonly files: readonly { readonly name: string; readonly text: string }[]
  readonly unexercised: readonly string[]
  readonly absences: readonly { readonly case: string; readonly attribute: string }[]
}

export interface Refused {
  readonly error: {
    readonly code: string
    readonly message: string
    readonly faults?: readonly { readonly file: string; readonly message: string }[]
    readonly failedCases?: readonly { readonly name: string }[]
  }
}

/** Admits everything. */
export const OPEN = '@id("all") permit (principal, action, resource);\n'
/** Lets nobody point the alias `prod` anywhere. */
export const NO_PROD = `${OPEN}
@id("prod-is-closed")
@reason("prod stays as it is")
forbid (principal, action == Lacre::Action::"lambda:UpdateAlias", resource)
when { resource.name == "prod" };
`
/** Lets nobody change the policies. */
export const SEALED = `${OPEN}
@id("policies-are-closed")
forbid (principal, action == Lacre::Action::"lacre:ApplyPolicySet", resource);
`

/** Asks for a set of one file to be put in force. */
export async function apply<T = SetAnswer>(
  admin: AdminFile,
  name: string,
  text: string,
  more: Readonly<Record<string, unknown>> = {},
): Promise<GovernanceAnswer<T>> {
  return await governance<T>(admin, {
    method: 'POST',
    path: '/policy-sets/admission',
    body: { name, files: [{ name: 'admission.cedar', text }], ...more },
  })
}

export async function rollback<T = SetAnswer>(
  admin: AdminFile,
  body: { readonly version: number; readonly ifVersion?: number },
): Promise<GovernanceAnswer<T>> {
  return await governance<T>(admin, {
    method: 'POST',
    path: '/policy-sets/admission/rollback',
    body,
  })
}

export async function inForce(admin: AdminFile): Promise<SetAnswer> {
  const { status, body } = await governance<SetAnswer>(admin, {
    path: '/policy-sets/admission/in-force',
  })
  if (status !== 200) throw new Error(`GET /policy-sets/admission/in-force answered ${status}`)
  return body
}
