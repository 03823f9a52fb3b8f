import type { CedarValueJson } from '@cedar-policy/cedar-wasm/nodejs'

import type { Json } from '../model/index.ts'
import { cedarTime } from './attested.ts'

type Value = Readonly<Record<string, CedarValueJson>>

const AT = cedarTime('2026-05-31T12:00:00.000Z')
const BUILDER =
  'https://github.com/slsa-framework/slsa-github-generator/.github/workflows/generator_generic_slsa3.yml@refs/tags/v2.1.0'

const GOOD_OF_ONE: Value = {
  types: [
    'https://cyclonedx.org/bom',
    'https://in-toto.io/attestation/test-result/v0.1',
    'https://in-toto.io/attestation/vulns/v0.2',
    'https://slsa.dev/provenance/v1',
    'https://slsa.dev/verification_summary/v1',
  ],
  provenance: {
    builders: [BUILDER],
    buildTypes: ['https://slsa-framework.github.io/github-actions-buildtypes/workflow/v1'],
    sources: ['https://github.com/example/checkout'],
    commits: ['60a179bd9181657528c7b14243f07511b4f63cf5'],
    refs: ['refs/heads/main'],
    attesters: ['ci'],
  },
  sbom: { components: 12, licences: ['MIT'], unlicensed: 0, complete: true, attesters: ['ci'] },
  scan: {
    critical: 0,
    high: 0,
    medium: 0,
    low: 0,
    unknown: 0,
    lowered: 0,
    at: AT,
    attesters: ['scanner'],
  },
  tests: { passed: true, warned: false, at: AT, attesters: ['ci'] },
  summary: {
    passed: true,
    verifiers: ['https://verifier.example'],
    levels: ['SLSA_BUILD_LEVEL_3'],
    policies: ['https://verifier.example/policy'],
    at: AT,
    attesters: ['verifier'],
  },
}

/** What is attested in a case that says nothing of it: all good, of the function and of every layer. */
export const GOOD_ATTESTED: CedarValueJson = { ...GOOD_OF_ONE, own: GOOD_OF_ONE }

/**
 * What a case changes of it, member by member: `null` takes one away, `at` is an RFC 3339 text. What is not of `own` is
 * changed there, too, unless the case says what `own` holds.
 */
export function attestedOfCase(value: Json): CedarValueJson {
  const changed = isMembers(value) ? value : {}
  const { own, ...shared } = changed
  return {
    ...merge(GOOD_OF_ONE, shared),
    own: merge(GOOD_OF_ONE, isMembers(own) ? own : shared),
  }
}

type Members = { readonly [name: string]: Json | undefined }

function merge(good: Value, changed: Members): Value {
  const result: Record<string, CedarValueJson> = { ...good }
  for (const [name, value] of Object.entries(changed)) {
    const before = result[name]
    if (value === null || value === undefined) delete result[name]
    else if (name === 'at' && typeof value === 'string') result[name] = cedarTime(value)
    else if (isMembers(value)) result[name] = merge(isRecord(before) ? before : {}, value)
    // What does not fit the schema is refused when the case is run.
    else result[name] = value as CedarValueJson
  }
  return result
}

function isMembers(value: Json | undefined): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isRecord(value: CedarValueJson | undefined): value is Record<string, CedarValueJson> {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !('__extn' in value)
  )
}
