import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { PlatformError } from './model/index.ts'
import { compilePolicySet, type PolicyInForce } from './policy/index.ts'

/** The sets that come with Lacre; the first is in force unless another is named. */
export const POLICY_SETS = ['default', 'strict-production', 'supply-chain'] as const
export type PolicySetName = (typeof POLICY_SETS)[number]

/**
 * A shipped set, compiled against the shipped schema. A set that does not compile keeps the service from starting.
 * @throws PlatformError CONFIGURATION, INVALID_PARAMETER
 */
export function loadShippedPolicies(name: PolicySetName): PolicyInForce {
  const root = policiesDir()
  const dir = join(root, name)
  const files = readdirSync(dir)
    .filter((file) => file.endsWith('.cedar'))
    .toSorted()
    .map((file) => ({ name: file, text: readFileSync(join(dir, file), 'utf8') }))
  const schema = readFileSync(join(root, 'schema.cedarschema'), 'utf8')
  return { name, set: compilePolicySet(files, schema) }
}

/** Beside the sources, or one folder up from the compiled files. */
function policiesDir(): string {
  const places = ['../policies/', '../../policies/'].map((place) =>
    fileURLToPath(new URL(place, import.meta.url)),
  )
  const found = places.find((path) => existsSync(join(path, 'schema.cedarschema')))
  if (found === undefined)
    throw new PlatformError('CONFIGURATION', 'the policies are missing from this installation')
  return found
}
