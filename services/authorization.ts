import { isUsable, policySetVersion, type PolicySet } from './policy/index.ts'
import type { Policies } from './operations/index.ts'
import type { Reader } from './store/index.ts'

/**
 * The authorization set that the service keeps, as of the reader's snapshot. One that cannot be used leaves the built-in
 * table of shipped roles (RULES §5).
 */
export function authorizationInForce(
  policies: Policies,
): (reader: Reader) => Promise<PolicySet | undefined> {
  return async (reader) => {
    const { set } = await policies.inForce(reader, 'authorization')
    return isUsable(set) ? set : undefined
  }
}

/** `serve` says what decides who may do what. */
export async function authorizationNotice(policies: Policies, reader: Reader): Promise<string> {
  const { name, version, set } = await policies.inForce(reader, 'authorization')
  if (isUsable(set))
    return `authorization: ${policySetVersion({ name, set })}, version ${version ?? 0}`
  return `authorization: the built-in table of roles, since the set in force CANNOT BE USED: ${set.fault}. Only leaving is admitted; stop the service and go back with \`lacre policy rollback --kind authorization --data DIR\``
}
