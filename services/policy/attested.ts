import type { CedarValueJson } from '@cedar-policy/cedar-wasm/nodejs'

import { toIsoTime, type AttestedFacts, type SubjectFacts } from '../model/index.ts'

type Member<K extends keyof AttestedFacts> = NonNullable<AttestedFacts[K]>
type Shared = Omit<AttestedFacts, 'types'>

const NOTHING: AttestedFacts = { types: [] }

/**
 * `context.attested`: what holds of the function and every layer together, and under `own` of the function's code alone
 * (of the layer, where one is published). Layers come mostly from others: a policy says which of both it means.
 */
export function attestedContext(subjects: readonly SubjectFacts[]): CedarValueJson {
  const all = subjects.map(({ attestations }) => attestations?.facts ?? NOTHING)
  const own = subjects.find(({ kind }) => kind === 'function') ?? subjects[0]
  return { ...toCedar(together(all)), own: toCedar(own?.attestations?.facts ?? NOTHING) }
}

/** Present only where every one has it: what one of them lacks is not known of the whole. */
function together(all: readonly AttestedFacts[]): AttestedFacts {
  const [first, ...others] = all
  if (first === undefined || others.length === 0) return first ?? NOTHING
  return {
    types: shared(all.map(({ types }) => types)),
    ...ofEach(all, 'provenance', (facts) => ({
      builders: union(facts.map(({ builders }) => builders)),
      buildTypes: union(facts.map(({ buildTypes }) => buildTypes)),
      sources: union(facts.map(({ sources }) => sources)),
      commits: union(facts.map(({ commits }) => commits)),
      refs: union(facts.map(({ refs }) => refs)),
      attesters: attesters(facts),
    })),
    ...ofEach(all, 'sbom', (facts) => ({
      components: sum(facts.map(({ components }) => components)),
      licences: union(facts.map(({ licences }) => licences)),
      unlicensed: sum(facts.map(({ unlicensed }) => unlicensed)),
      complete: facts.every(({ complete }) => complete),
      attesters: attesters(facts),
    })),
    ...ofEach(all, 'scan', (facts) => ({
      critical: sum(facts.map(({ critical }) => critical)),
      high: sum(facts.map(({ high }) => high)),
      medium: sum(facts.map(({ medium }) => medium)),
      low: sum(facts.map(({ low }) => low)),
      unknown: sum(facts.map(({ unknown }) => unknown)),
      lowered: sum(facts.map(({ lowered }) => lowered)),
      ...oldest(facts),
      attesters: attesters(facts),
    })),
    ...ofEach(all, 'tests', (facts) => ({
      passed: facts.every(({ passed }) => passed),
      warned: facts.some(({ warned }) => warned),
      ...oldest(facts),
      attesters: attesters(facts),
    })),
    ...ofEach(all, 'summary', (facts) => ({
      passed: facts.every(({ passed }) => passed),
      verifiers: union(facts.map(({ verifiers }) => verifiers)),
      levels: shared(facts.map(({ levels }) => levels)),
      policies: union(facts.map(({ policies }) => policies)),
      ...oldest(facts),
      attesters: attesters(facts),
    })),
  }
}

function ofEach<K extends keyof Shared>(
  all: readonly AttestedFacts[],
  name: K,
  merge: (facts: readonly Member<K>[]) => Member<K>,
): Pick<AttestedFacts, K> | undefined {
  const facts = all.flatMap((one) => {
    const fact = one[name]
    return fact === undefined ? [] : [fact as Member<K>]
  })
  if (facts.length < all.length) return undefined
  return { [name]: merge(facts) } as unknown as Pick<AttestedFacts, K>
}

/** Who says it of every one of them. */
function attesters(facts: readonly { readonly attesters: readonly string[] }[]): string[] {
  return shared(facts.map((fact) => fact.attesters))
}

function oldest(facts: readonly { readonly atMs?: number }[]): { readonly atMs?: number } {
  const times = facts.flatMap(({ atMs }) => (atMs === undefined ? [] : [atMs]))
  return times.length < facts.length ? {} : { atMs: Math.min(...times) }
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0)
}

function union(lists: readonly (readonly string[])[]): string[] {
  return [...new Set(lists.flat())].toSorted()
}

function shared([first = [], ...others]: readonly (readonly string[])[]): string[] {
  return first.filter((one) => others.every((list) => list.includes(one)))
}

function toCedar({ types, ...facts }: AttestedFacts): Record<string, CedarValueJson> {
  const members = Object.entries(facts).map(([name, fact]) => {
    const { atMs, ...more }: Member<keyof Shared> & { readonly atMs?: number } = fact
    const value = { ...more, ...(atMs !== undefined && { at: cedarTime(toIsoTime(atMs)) }) }
    return [name, value as unknown as CedarValueJson] as const
  })
  return { types: [...types], ...Object.fromEntries(members) }
}

/** An RFC 3339 text as Cedar's datetime. */
export function cedarTime(text: string): CedarValueJson {
  return { __extn: { fn: 'datetime', arg: text } }
}
