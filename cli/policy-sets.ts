import { basename, resolve } from 'node:path'

import { PlatformError, type Json, type PolicyKind } from '../services/model/index.ts'
import {
  diffPolicySets,
  parseSetDocument,
  type PolicyFault,
  type PolicySetDiff,
  type PolicySetSource,
} from '../services/policy/index.ts'
import { EXIT } from './exit-codes.ts'
import { findPolicySet, loadSource, shippedSchema } from './policies.ts'
import {
  explained,
  isObject,
  narrate,
  objects,
  planHeaders,
  text,
  textTable,
  type JsonObject,
  type PlanOption,
  type Service,
} from './service/index.ts'
import { inline, type Terminal } from './terminal.ts'

/** The sets of one kind, at the service. */
function pathOf({ kind }: Pick<Speaking, 'kind'>): string {
  return `/api/v1/policy-sets/${kind}`
}

const HISTORY_SHOWN = 500

/** A service and where to say what it answers. */
export interface Speaking {
  readonly service: Service
  readonly terminal: Terminal
  readonly kind: PolicyKind
}

/** The body of a request, and what it asks: a version that has to be in force. */
interface Guard {
  readonly ifVersion?: string
}

/** Has a set put in force; what is wrong with it is told in full, with exit 1. */
export async function applySet(
  speaking: Speaking,
  set: string,
  options: Guard & PlanOption & { readonly name?: string },
): Promise<void> {
  const { service, terminal } = speaking
  const body = { ...setContent(set, options.name), ...guard(options) }
  await faultsTold(terminal, async () => {
    await explained(service, terminal, async () => {
      const { body: applied, decisionId } = await service
        .withHeaders(planHeaders(options))
        .change('POST', pathOf(speaking), body)
      await narrate(service, terminal, { what: 'policy set', id: decisionId })
      terminal.result(applied as Json, appliedText(applied))
    })
  })
}

/** A set as it is sent: its name, files and cases. @throws PlatformError INVALID_PARAMETER */
export function setContent(set: string, named: string | undefined): JsonObject {
  const path = findPolicySet(set)
  const { files, cases } = loadSource(path)
  return {
    name: named ?? basename(resolve(path)).replace(/\.cedar$/, ''),
    files: files.map((file) => ({ ...file })),
    ...(cases !== null && { cases }),
  }
}

/** All that keeps a set from being put in force. */
async function faultsTold(terminal: Terminal, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error
    const { faults, failedCases } = error.detail
    const told = [...items(faults).map(faultLine), ...items(failedCases).map(caseLine)]
    if (told.length === 0) throw error
    const { code, publicMessage } = error
    const result = {
      refused: { code, message: publicMessage },
      ...(faults !== undefined && { faults: faults as Json }),
      ...(failedCases !== undefined && { failedCases: failedCases as Json }),
    }
    terminal.result(result, told.join('\n'))
    terminal.exitWith(EXIT.refused)
  }
}

function items(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : []
}

/** A member of an answer as part of a line; nothing where it is not there. */
function said(value: Json | undefined): string {
  if (typeof value === 'string') return value
  return value === undefined || value === null ? '' : JSON.stringify(value)
}

/** Where, what, and what was probably meant. */
export function faultLine(fault: PolicyFault | JsonObject): string {
  const { file, policy, message, hint } = fault
  const place = [file, policy]
    .map(said)
    .filter((part) => part !== '')
    .join(', ')
  const meant = typeof hint === 'string' ? `; ${inline(hint)}` : ''
  return `${inline(place)}: ${inline(said(message))}${meant}`
}

function caseLine({ name, expected, got }: JsonObject): string {
  return `case ${inline(said(name))}: expected ${inline(said(expected))}, got ${inline(said(got))}`
}

function appliedText(applied: JsonObject): string {
  return [
    `${setLine(applied)} is in force`,
    ...restartLines(applied['atNextStart']),
    ...items(applied['warnings']).map((one) => `warning: ${faultLine(one)}`),
    ...unexercisedLines(applied['unexercised']),
    ...items(applied['absences']).map(absenceLine),
  ].join('\n')
}

function restartLines(named: Json | undefined): string[] {
  if (typeof named !== 'string') return []
  return [`warning: the service is started with --policy-set ${inline(named)}: that is in force again after its next start`] // prettier-ignore
}

function unexercisedLines(value: Json | undefined): string[] {
  const ids = Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []
  return ids.map((id) => `warning: no case exercises \`${inline(id)}\``)
}

/** RULES §5: absence must never be better than a bad report. */
export function absenceLine(absence: JsonObject): string {
  const { case: name, attribute } = absence
  return `warning: in \`${inline(said(name))}\` a deny becomes an allow without \`${inline(said(attribute))}\``
}

function setLine(set: JsonObject): string {
  return `version ${said(set['version'])}, ${inline(text(set, 'name'))}@${text(set, 'digest').slice(0, 12)}`
}

/** Every set that was in force, newest first. */
export async function showHistory(speaking: Speaking): Promise<void> {
  const { service, terminal } = speaking
  const answer = await service.get(pathOf(speaking), { limit: String(HISTORY_SHOWN) })
  const sets = objects(answer, 'policySets')
  const rows = sets.map((set) => [
    said(set['version']),
    text(set, 'name'),
    text(set, 'digest').slice(0, 12),
    typeof set['ofVersion'] === 'number'
      ? `${text(set, 'how')} (of ${set['ofVersion']})`
      : text(set, 'how'),
    text(set, 'appliedAt'),
    text(set, 'principal'),
    typeof set['decision'] === 'string' ? set['decision'] : '-',
  ])
  const headers = ['VERSION', 'NAME', 'DIGEST', 'HOW', 'SINCE', 'BY', 'DECISION']
  terminal.result(
    { policySets: sets as unknown as Json },
    textTable(headers, rows, terminal.columns),
  )
}

/** One set with its text; without a version the one in force. */
export async function showSet(speaking: Speaking, version: string | undefined): Promise<void> {
  const { terminal } = speaking
  const set = await readSet(speaking, version)
  const fault = typeof set['fault'] === 'string' ? [`CANNOT BE USED: ${inline(set['fault'])}`] : []
  const files = items(set['files']).map((file) => `// ${inline(text(file, 'name'))}\n${lines(text(file, 'text'))}`) // prettier-ignore
  const state = set['inForce'] === true ? 'in force' : 'not in force'
  terminal.result(
    set as Json,
    [
      `${setLine(set)}, ${state}`,
      `since ${text(set, 'appliedAt')} by ${text(set, 'principal')}`,
      ...fault,
      ...files,
    ].join('\n'),
  )
}

/** Foreign text of several lines: each is escaped by itself. */
function lines(body: string): string {
  return body.trimEnd().split('\n').map(inline).join('\n')
}

async function readSet(
  speaking: Pick<Speaking, 'service' | 'kind'>,
  version: string | undefined,
): Promise<JsonObject> {
  return await speaking.service.get(
    `${pathOf(speaking)}/${version === undefined ? 'in-force' : toVersion(version)}`,
  )
}

/** Puts an earlier set in force again, through the gate. */
export async function rollBack(
  speaking: Speaking,
  version: string | undefined,
  options: Guard,
): Promise<void> {
  const { service, terminal } = speaking
  if (version === undefined)
    throw new PlatformError('INVALID_PARAMETER', 'the service runs: name the version to return to')
  const body = { version: toVersion(version), ...guard(options) }
  await explained(service, terminal, async () => {
    const answer = await service.change('POST', `${pathOf(speaking)}/rollback`, body)
    await narrate(service, terminal, { what: 'policy set', id: answer.decisionId })
    terminal.result(
      answer.body as Json,
      `${setLine(answer.body)} is in force, the text of version ${version}`,
    )
  })
}

/** Two sets beside each other; each a version that the service keeps, a folder, or the name of a shipped set. */
export async function showDiff(
  { connect, terminal, kind }: Omit<Speaking, 'service'> & { readonly connect: () => Service },
  [first, second]: readonly [string, string | undefined],
): Promise<void> {
  const sourceOf = async (side: string | undefined): Promise<PolicySetSource> => {
    if (side !== undefined && !/^\d+$/.test(side)) return loadSource(findPolicySet(side))
    const { files, cases = null } = await readSet({ service: connect(), kind }, side)
    if (Array.isArray(files)) return parseSetDocument({ v: 1, files, cases })
    throw new PlatformError('RESOURCE_CONFLICT', 'the text of this version is damaged')
  }
  // With one set alone: what it would change of what is in force.
  const before = await sourceOf(second === undefined ? undefined : first)
  const after = await sourceOf(second ?? first)
  const diff = diffPolicySets(before, after, { kind, schema: shippedSchema(kind) })
  terminal.result(diff as unknown as Json, diffText(diff))
}

function diffText({ added, removed, changed, cases }: PolicySetDiff): string {
  const signed = (sign: string, body: string): string =>
    lines(body.trim())
      .split('\n')
      .map((line) => `${sign} ${line}`)
      .join('\n')
  const moved = cases.filter((one) => one.moved)
  return [
    ...removed.flatMap(({ id, text }) => [`removed ${inline(id)}`, signed('-', text)]),
    ...added.flatMap(({ id, text }) => [`added ${inline(id)}`, signed('+', text)]),
    ...changed.flatMap((one) => [
      `changed ${inline(one.id)}`,
      signed('-', one.before),
      signed('+', one.after),
    ]),
    ...moved.map(
      ({ name, before, after }) =>
        `case ${inline(name)}: ${inline(before)} becomes ${inline(after)}`,
    ),
    `${added.length} added, ${removed.length} removed, ${changed.length} changed; ${moved.length} of ${cases.length} cases come out otherwise`,
  ].join('\n')
}

function guard({ ifVersion }: Guard): { readonly ifVersion?: number } {
  return ifVersion === undefined ? {} : { ifVersion: toVersion(ifVersion) }
}

/** @throws PlatformError INVALID_PARAMETER */
export function toVersion(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new PlatformError('INVALID_PARAMETER', `\`${text}\` is no version of a policy set`)
}
