import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { packageUrl, type PolicyKind } from './model/index.ts'
import type { ShippedPolicies } from './operations/index.ts'
import { compilePolicySet, readSetFiles, type PolicyInForce } from './policy/index.ts'

/** The admission sets that come with Lacre; the first is in force unless another is named. */
export const POLICY_SETS = [
  'default',
  'strict-production',
  'separation-of-duties',
  'supply-chain',
] as const
export type PolicySetName = (typeof POLICY_SETS)[number]

/** The authorization set that comes with Lacre. */
const SHIPPED_AUTHORIZATION = 'shipped-roles'

/** Schema and sets of each kind, as they lie in `policies`. @throws PlatformError INVALID_PARAMETER */
export function shippedPolicies(): Readonly<Record<PolicyKind, ShippedPolicies>> {
  const root = policiesDir()
  const schema = readFileSync(join(root, 'schema.cedarschema'), 'utf8')
  const sets = new Map(POLICY_SETS.map((name) => [name, readSet(join(root, name))]))
  const validated = validatedDigests(root)
  const dir = join(root, 'authorization')
  return {
    admission: { schema, sets, validated },
    authorization: {
      schema: readFileSync(join(dir, 'schema.cedarschema'), 'utf8'),
      sets: new Map([[SHIPPED_AUTHORIZATION, readSet(dir)]]),
      validated,
    },
  }
}

/** By name, the digest that each shipped set was validated under before it was shipped; a test holds them to the sets. */
function validatedDigests(root: string): ReadonlyMap<string, string> {
  const lines = readFileSync(join(root, 'validated.sha256'), 'utf8').trimEnd().split('\n')
  return new Map(
    lines.map((line) => {
      const [digest = '', name = ''] = line.split('  ')
      return [name, digest]
    }),
  )
}

/** One shipped admission set, compiled; as decisions ask it where nobody keeps sets. @throws PlatformError INVALID_PARAMETER */
export function loadShippedPolicies(name: PolicySetName): PolicyInForce {
  const schema = readFileSync(join(policiesDir(), 'schema.cedarschema'), 'utf8')
  const { files } = readSet(join(policiesDir(), name))
  return { name, set: compilePolicySet(files, schema, validatedDigests(policiesDir()).get(name)) }
}

function readSet(dir: string) {
  const files = readdirSync(dir).map((name) => ({
    name,
    text: readFileSync(join(dir, name), 'utf8'),
  }))
  return readSetFiles(files)
}

function policiesDir(): string {
  return fileURLToPath(packageUrl(import.meta.url, 'policies'))
}
