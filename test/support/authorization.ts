import { readFileSync } from 'node:fs'

import { compilePolicySet, type PolicySet } from '../../services/policy/index.ts'

const folder = new URL('../../policies/authorization/', import.meta.url)
const read = (name: string): string => readFileSync(new URL(name, folder), 'utf8')

export const authorizationSchema = read('schema.cedarschema')

/** The shipped authorization set, or another text against its schema. */
export function authorizationSet(text = read('roles.cedar')): PolicySet {
  return compilePolicySet([{ name: 'roles.cedar', text }], authorizationSchema)
}
