import {
  NOT_NAMED,
  type AttestedFacts,
  type Sha256,
  type TrustedPublisher,
} from '../model/index.ts'
import type { Claim, VexStatement } from '../seal/index.ts'
import { countScans } from './scan-counts.ts'

/** An attestation that counts. */
export interface Counting {
  readonly digest: Sha256
  readonly attester: TrustedPublisher
  readonly predicateType: string
  readonly claim: Claim
  /** Whether its attester may lower counts. */
  readonly mayVex: boolean
  /** Trusted time; `undefined` where nobody vouches for one. */
  readonly atMs: number | undefined
}

type Of<K extends Claim['kind']> = Counting & { readonly claim: Extract<Claim, { kind: K }> }

const LICENCES_LISTED = 256

/**
 * Of each attester the newest of a kind by trusted time (RULES §5; all versions of a publisher are one). What has no trusted
 * time may be newer than anything, so it stays beside the newest: it can make things worse, and never better.
 */
export function currentOf(counting: readonly Counting[]): readonly Counting[] {
  return counting.filter((one) => {
    if (one.atMs === undefined) return true
    const own = one.atMs
    return !counting.some(
      (other) => isSameKind(one, other) && other.atMs !== undefined && other.atMs > own,
    )
  })
}

/** A kind that is not read is as many kinds as it has types. */
function isSameKind(a: Counting, b: Counting): boolean {
  if (a.attester.id !== b.attester.id || a.claim.kind !== b.claim.kind) return false
  return a.claim.kind !== 'other' || a.predicateType === b.predicateType
}

/** What those that count say together: the worst of what several attesters say (RULES §5). */
export function combine(current: readonly Counting[], artifact: Sha256): AttestedFacts {
  return {
    types: unique(current.map(({ predicateType }) => predicateType)),
    ...present('provenance', provenanceFact(ofKind(current, 'provenance'))),
    ...present('sbom', sbomFact(ofKind(current, 'sbom'))),
    ...present('scan', scanFact(current, artifact)),
    ...present('tests', testsFact(ofKind(current, 'tests'))),
    ...present('summary', summaryFact(ofKind(current, 'summary'))),
  }
}

function present<K extends string, V>(name: K, value: V | undefined): { readonly [k in K]?: V } {
  return (value === undefined ? {} : { [name]: value }) as { readonly [k in K]?: V }
}

function ofKind<K extends Claim['kind']>(current: readonly Counting[], kind: K): readonly Of<K>[] {
  return current.filter((one): one is Of<K> => one.claim.kind === kind)
}

/** Every builder and source that anybody names: a policy lists those it takes, and must take all. */
function provenanceFact(all: readonly Of<'provenance'>[]): AttestedFacts['provenance'] {
  if (all.length === 0) return undefined
  const claims = all.map(({ claim }) => claim)
  return {
    builders: unique(claims.map(({ builder }) => builder)),
    buildTypes: unique(claims.map(({ buildType }) => buildType)),
    sources: unique(claims.map(({ source }) => source ?? NOT_NAMED)),
    commits: unique(claims.map(({ commit }) => commit ?? NOT_NAMED)),
    refs: unique(claims.map(({ ref }) => ref ?? NOT_NAMED)),
    attesters: attestersOf(all),
  }
}

function sbomFact(all: readonly Of<'sbom'>[]): AttestedFacts['sbom'] {
  if (all.length === 0) return undefined
  const claims = all.map(({ claim }) => claim)
  const licences = unique(claims.flatMap((claim) => claim.licences))
  return {
    components: Math.min(...claims.map(({ components }) => components)),
    licences: licences.slice(0, LICENCES_LISTED),
    unlicensed: Math.max(...claims.map(({ unlicensed }) => unlicensed)),
    complete: licences.length <= LICENCES_LISTED,
    attesters: attestersOf(all),
  }
}

function scanFact(current: readonly Counting[], artifact: Sha256): AttestedFacts['scan'] {
  const scans = ofKind(current, 'scan')
  const reports = scans.flatMap(({ claim: { vulnerabilities } }) =>
    vulnerabilities === undefined ? [] : [vulnerabilities],
  )
  // One that could not be read is never taken for one that found nothing.
  if (scans.length === 0 || reports.length < scans.length) return undefined
  const vex = current.flatMap((one): VexStatement[] => {
    if (!one.mayVex) return []
    if (one.claim.kind === 'vex') return [...one.claim.statements]
    return one.claim.kind === 'sbom' ? [...one.claim.vex] : []
  })
  return { ...countScans(reports, vex, artifact), ...timeOf(scans), attesters: attestersOf(scans) }
}

function testsFact(all: readonly Of<'tests'>[]): AttestedFacts['tests'] {
  if (all.length === 0) return undefined
  return {
    passed: all.every(({ claim }) => claim.passed),
    warned: all.some(({ claim }) => claim.warned),
    ...timeOf(all),
    attesters: attestersOf(all),
  }
}

function summaryFact(all: readonly Of<'summary'>[]): AttestedFacts['summary'] {
  const [first, ...others] = all.map(({ claim }) => claim)
  if (first === undefined) return undefined
  return {
    passed: all.every(({ claim }) => claim.passed),
    verifiers: unique(all.map(({ claim }) => claim.verifier)),
    levels: unique(
      first.levels.filter((level) => others.every(({ levels }) => levels.includes(level))),
    ),
    policies: unique(all.map(({ claim }) => (claim.policy === '' ? NOT_NAMED : claim.policy))),
    ...timeOf(all),
    attesters: attestersOf(all),
  }
}

/** How old the oldest of the attesters' newest is; unknown where one attester has no trusted time at all. */
function timeOf(all: readonly Counting[]): { readonly atMs?: number } {
  const byAttester = new Map<string, number | undefined>()
  for (const { attester, atMs } of all)
    byAttester.set(attester.id, atMs ?? byAttester.get(attester.id))
  const times = [...byAttester.values()].filter((atMs) => atMs !== undefined)
  return times.length < byAttester.size || times.length === 0 ? {} : { atMs: Math.min(...times) }
}

function attestersOf(all: readonly Counting[]): string[] {
  return unique(all.map(({ attester }) => attester.name))
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)].toSorted()
}
