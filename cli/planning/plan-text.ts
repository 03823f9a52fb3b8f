import type { Json } from '../../services/model/index.ts'
import { objects, text, textTable, type JsonObject } from '../service/index.ts'
import { inline } from '../terminal.ts'

const ROLES: Readonly<Record<string, string>> = {
  alias: 'serves',
  canary: 'canary',
  rollback: 'way back',
  latest: '$LATEST',
}

/** A plan told to a person: what it does to what is live, why, and how to commit it. */
export function planText(plan: JsonObject, columns: number | undefined): string {
  const effects = member(plan, 'effects')
  const affected = objects(effects, 'affected')
  return [
    ...decisionLines(plan),
    ...(affected.length === 0 ? [] : [table(affected, columns), '']),
    ...affected.flatMap(whyLines),
    counted(effects),
    ...expiringLines(plan, columns),
    commitLine(plan),
  ].join('\n')
}

function decisionLines(plan: JsonObject): string[] {
  return objects(plan, 'decisions').flatMap((decision) => [
    `The change would be decided: ${text(decision, 'outcome')}`,
    ...objects(decision, 'checks')
      .filter(({ status }) => status === 'failed' || status === 'warned')
      .map(checkLine),
    '',
  ])
}

function table(affected: readonly JsonObject[], columns: number | undefined): string {
  const rows = affected.map((one) => [
    `${text(one, 'functionName')}:${text(one, 'alias')}`,
    ROLES[text(one, 'role')] ?? text(one, 'role'),
    versions(one),
    side(member(one, 'now')),
    side(member(one, 'after')),
    text(one, 'kind'),
  ])
  return textTable(['name', 'as', 'version', 'now', 'after', 'effect'], rows, columns)
}

function versions(effect: JsonObject): string {
  const version = text(effect, 'version')
  const to = effect['toVersion']
  return typeof to === 'string' && to !== version ? `${version} -> ${to}` : version
}

function side({ outcome, verdict, evaluated }: JsonObject): string {
  const told = `${plain(outcome)}, ${plain(verdict)}`
  return evaluated === false ? `${told} (not re-evaluated)` : told
}

function whyLines(effect: JsonObject): string[] {
  const why = objects(effect, 'why')
  if (why.length === 0) return []
  const name = `${text(effect, 'functionName')}:${text(effect, 'alias')} ${text(effect, 'version')}`
  return [inline(name), ...why.map(checkLine)]
}

function checkLine(check: JsonObject): string {
  const fix = check['fix']
  const todo = typeof fix === 'string' ? `; to do: ${fix}` : ''
  const { rule, expected, got } = {
    rule: text(check, 'rule'),
    expected: text(check, 'expected'),
    got: text(check, 'got'),
  }
  return inline(`  ${rule}: wants ${expected}; found ${got}${todo}`)
}

function counted(effects: JsonObject): string {
  const { judged, unaffected, notReevaluated, leftOut, notReadable, counts } = effects
  const by = Object.entries((counts ?? {}) as JsonObject)
    .filter(([, count]) => count !== 0)
    .map(([role, count]) => `${plain(count)} ${role}`)
  const lines = [
    `${plain(judged)} looked at: ${by.length === 0 ? 'none affected' : `affected ${by.join(', ')}`}, ${plain(unaffected)} unaffected`,
  ]
  if (typeof leftOut === 'number' && leftOut > 0)
    lines.push(`${leftOut} affected ones are not listed`)
  if (typeof notReadable === 'number' && notReadable > 0)
    lines.push(`${notReadable} affected ones name what you may not read, and are not listed`)
  if (typeof notReevaluated === 'number' && notReevaluated > 0)
    lines.push(
      `of ${notReevaluated}, what holds now was not re-evaluated: it is what was decided then`,
    )
  return lines.join('\n')
}

function expiringLines(plan: JsonObject, columns: number | undefined): string[] {
  if (!Array.isArray(plan['expiring'])) return []
  const rows = objects(plan, 'expiring').map((one) => [
    text(one, 'expiresAt'),
    text(one, 'kind'),
    text(one, 'name'),
    plain(one['publisher']) || plain(one['place']),
    plain(one['uses']),
  ])
  if (rows.length === 0) return ['', 'nothing expires until then']
  return ['', textTable(['expires', 'what', 'name', 'publisher or place', 'behind'], rows, columns)]
}

function commitLine(plan: JsonObject): string {
  const { hash, expiresAt } = plan
  if (typeof hash !== 'string') return ''
  return `\nplan ${hash}\nto commit exactly this until ${plain(expiresAt)}: --plan ${hash}`
}

function member(object: JsonObject, name: string): JsonObject {
  return (object[name] ?? {}) as JsonObject
}

/** A text or number as it is, nothing for what is none. */
function plain(value: Json | undefined): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : ''
}
