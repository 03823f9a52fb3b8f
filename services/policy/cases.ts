import type { CedarValueJson } from '@cedar-policy/cedar-wasm/nodejs'

import { PlatformError, type Json } from '../model/index.ts'
import { authorize, authorizeOr } from './cedar.ts'
import type { Evaluation, PolicySet, Request } from './policy-set.ts'
import { toResource } from './admission.ts'
import { attestedOfCase, GOOD_ATTESTED } from './attested-case.ts'

/** One case beside a set: facts, and what the set is to say of them. */
export interface PolicyCase {
  readonly name: string
  readonly request: Request
  readonly expect: 'allow' | 'deny'
  /** Ids of the policies that decide; not compared where absent. */
  readonly determining: readonly string[] | undefined
}

export interface CaseResult {
  readonly name: string
  readonly passed: boolean
  readonly expected: string
  readonly got: string
}

export interface CaseReport {
  readonly results: readonly CaseResult[]
  /** Policies that decided no case. */
  readonly unexercised: readonly string[]
  /** Absence must never be better than a bad report (RULES §5): cases where taking a fact away turns a deny into an allow. */
  readonly absences: readonly { readonly case: string; readonly attribute: string }[]
}

/** What holds in a case that does not say otherwise: sealed by one publisher, under Enforce, in a full sandbox. */
const GOOD_CONTEXT: Request['context'] = {
  now: { __extn: { fn: 'datetime', arg: '2026-06-01T12:00:00.000Z' } },
  verdict: 'trusted',
  untrusted: [],
  publishers: ['ci'],
  publisherVersions: ['arn:aws:signer:us-east-1:000000000000:/signing-profiles/ci/AAAAAAAAAA'],
  signers: 1,
  signing: { attached: true, enforced: true },
  approvals: {
    count: 2,
    apartFromDeployer: 2,
    apartFromSigner: 2,
    apartFromBoth: 2,
    share: { __extn: { fn: 'decimal', arg: '1.0000' } },
  },
  principalIsSigner: false,
  breakGlass: false,
  change: { exposes: { __extn: { fn: 'decimal', arg: '0.0' } } },
  attested: GOOD_ATTESTED,
  isolation: 'full',
  loaderVariables: [],
  noteworthyPaths: [],
  leaving: false,
  reach: 'aliases',
  counter: 1,
  floor: { required: true, met: true, counter: 1 },
  freeze: { active: false, names: [] },
  promotion: { required: true, met: true, from: 'staging', soakedHours: 24 },
}
export const CASES_LIMIT = 5_000

/** @param document `{cases: [{name, action, resource, principal?, context?, expect, determining?}]}` @throws PlatformError INVALID_PARAMETER */
export function parseCases(document: Json): readonly PolicyCase[] {
  const { cases } = toMembers(document, ['cases'], 'the cases file')
  if (!Array.isArray(cases) || cases.length === 0 || cases.length > CASES_LIMIT)
    throw refuse(`\`cases\` is not a list of 1 to ${CASES_LIMIT} cases`)
  return (cases as readonly Json[]).map(parseCase)
}

function parseCase(value: Json, index: number): PolicyCase {
  const what = `case ${index + 1}`
  const known = ['name', 'action', 'resource', 'principal', 'context', 'expect', 'determining']
  const members = toMembers(value, known, what)
  const { expect, determining, context } = members
  if (expect !== 'allow' && expect !== 'deny')
    throw refuse(`${what}: \`expect\` is \`allow\` or \`deny\``)
  const resource = toResource(arnOf(members['resource'], what))
  const name = toText(members['name'], `${what}: \`name\``)
  const principal = toText(members['principal'] ?? 'alice', `${what}: \`principal\``)
  const uid = { type: 'Lacre::User', id: principal }
  return {
    name,
    expect,
    determining: determining === undefined ? undefined : toTexts(determining, what),
    request: {
      principal: uid,
      action: { type: 'Lacre::Action', id: toText(members['action'], `${what}: \`action\``) },
      resource: resource.id,
      context: {
        ...GOOD_CONTEXT,
        ...toContext(toMembers(context ?? {}, undefined, `${what}: \`context\``)),
      },
      entities: [{ uid, attrs: { name: principal }, parents: [] }, ...resource.entities],
    },
  }
}

/** JSON has neither Cedar's times nor its decimals: `now` is an RFC 3339 text, weight and `exposes` are numbers. */
function toContext(members: Members): Request['context'] {
  const { now, change, approvals, attested } = members
  const moved = toRecord(change)
  const approved = toRecord(approvals)
  const share = approved?.['share']
  return {
    // What does not fit the schema is refused when the case is run.
    ...(members as Request['context']),
    ...(typeof now === 'string' && { now: { __extn: { fn: 'datetime', arg: now } } }),
    ...(attested !== undefined && { attested: attestedOfCase(attested) }),
    ...(moved !== undefined && {
      change: {
        ...toRecord(GOOD_CONTEXT['change']),
        ...moved,
        ...toDecimal(moved, 'weight'),
        ...toDecimal(moved, 'exposes'),
      },
    }),
    ...(typeof share === 'number' && {
      approvals: { ...approved, share: { __extn: { fn: 'decimal', arg: share.toFixed(4) } } },
    }),
  } as Request['context']
}

function toDecimal(record: Request['context'], name: string): Request['context'] {
  const value = record[name]
  return typeof value === 'number'
    ? { [name]: { __extn: { fn: 'decimal', arg: value.toFixed(4) } } }
    : {}
}

/** `{type: Alias, function, name}` and the like, as the ARN that the gate would see. */
function arnOf(value: Json | undefined, what: string): string {
  const { type, name, id, function: owner } = toMembers(value, undefined, `${what}: \`resource\``)
  const text = (part: unknown): string => toText(part, `${what}: the resource's name`)
  const lambda = 'arn:aws:lambda:us-east-1:000000000000'
  if (type === 'Function') return `${lambda}:function:${text(name)}`
  if (type === 'Alias') return `${lambda}:function:${text(owner)}:${text(name)}`
  if (type === 'Layer') return `${lambda}:layer:${text(name)}`
  if (type === 'CodeSigningConfig') return `${lambda}:code-signing-config:${text(id)}`
  if (type === 'Publisher')
    return `arn:aws:signer:us-east-1:000000000000:/signing-profiles/${text(name)}`
  if (type === 'PolicySet') return `lacre:policy-set/${text(name)}`
  if (type === 'Object') return text(id)
  throw refuse(
    `${what}: a resource is a Function, Alias, Layer, CodeSigningConfig, Publisher, PolicySet or Object`,
  )
}

/** Runs every case, and each that is denied once more without each optional fact it has. */
export function runCases(set: PolicySet, cases: readonly PolicyCase[]): CaseReport {
  const exercised = new Set<string>()
  const better: { case: string; attribute: string }[] = []
  const results = cases.map((one) => {
    const evaluation = authorize(set, one.request)
    for (const id of evaluation.determining) exercised.add(id)
    if (evaluation.decision === 'deny')
      for (const attribute of absentAllows(set, one)) better.push({ case: one.name, attribute })
    return compare(one, evaluation)
  })
  const unexercised = [...set.policies.keys()].filter((id) => !exercised.has(id))
  return { results, unexercised, absences: better }
}

function compare(one: PolicyCase, { decision, determining, errors }: Evaluation): CaseResult {
  const by = (ids: readonly string[]): string => ids.toSorted().join(', ') || 'no policy'
  const expected =
    one.determining === undefined ? one.expect : `${one.expect} by ${by(one.determining)}`
  const answer = one.determining === undefined ? decision : `${decision} by ${by(determining)}`
  const [error] = errors
  const got = error === undefined ? answer : `${answer}; \`${error.policy}\` errs: ${error.message}`
  return { name: one.name, passed: expected === got, expected, got }
}

/** Required facts cannot be absent: the schema refuses such a request, which denies. */
function absentAllows(set: PolicySet, { request }: PolicyCase): string[] {
  const looked = readsOf(set)
  return absences(request.context)
    .filter(({ path, context }) => {
      if (!looked(path)) return false
      const answer = authorizeOr(set, { ...request, context }, () => undefined)
      return answer?.decision === 'allow'
    })
    .map(({ path }) => path)
}

/** A context without one fact that stands at `path`: names of attributes, one inside the other, `a.b`. */
interface Absence {
  readonly path: string
  readonly context: Request['context']
}

/** Of every attribute, however deep: whether it is optional says the schema, by refusing a request without it. */
function absences(context: Request['context']): Absence[] {
  return Object.entries(context).flatMap(([name, value]) => {
    const { [name]: _, ...others } = context
    const inner = absences(toRecord(value) ?? {})
    const deeper = inner.map(({ path, context: left }) => ({
      path: `${name}.${path}`,
      context: { ...others, [name]: left },
    }))
    return [{ path: name, context: others }, ...deeper]
  })
}

/** Whether any policy reads this member, one of its own or one around it: what nobody reads changes no answer. */
function readsOf({ policies }: PolicySet): (path: string) => boolean {
  const all = [...policies.values()]
  // `context` as a whole, in whatever way: then everything is read.
  if (all.some(({ text }) => /\bcontext\b(?!\s*\.|\s+has\b)/.test(text))) return () => true
  const reads = all.flatMap((policy) => policy.reads)
  const isAround = (outer: string, inner: string): boolean =>
    outer === inner || inner.startsWith(`${outer}.`)
  return (path) => reads.some((read) => isAround(read, path) || isAround(path, read))
}

/** A Cedar record, not one of JSON's ways to write an entity or an extension value. */
function toRecord(value: unknown): Readonly<Record<string, CedarValueJson>> | undefined {
  const record = typeof value === 'object' && value !== null && !Array.isArray(value)
  return record && !('__extn' in value) ? (value as Record<string, CedarValueJson>) : undefined
}

type Members = Readonly<Record<string, Json | undefined>>

export function toMembers(
  value: Json | undefined,
  known: readonly string[] | undefined,
  what: string,
): Members {
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw refuse(`${what} is not a mapping`)
  const unknown = Object.keys(value).find((name) => known?.includes(name) === false)
  if (unknown !== undefined) throw refuse(`${what} has the unknown member \`${unknown}\``)
  return value as Members
}

export function toText(value: unknown, what: string): string {
  if (typeof value !== 'string' || value === '') throw refuse(`${what} is not a text`)
  return value
}

export function toTexts(value: unknown, what: string): string[] {
  if (!Array.isArray(value)) throw refuse(`${what}: \`determining\` is not a list`)
  return value.map((item) => toText(item, `${what}: an id in \`determining\``))
}

export function refuse(message: string): PlatformError {
  return new PlatformError('INVALID_PARAMETER', message)
}
