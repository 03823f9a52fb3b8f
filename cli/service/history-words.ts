import { isObject, objects, text, type JsonObject } from './service.ts'

/** A share of an alias's calls, for people. */
export function share(row: JsonObject): string {
  return `${Math.round(Number(row['weight'] ?? 1) * 1000) / 10} %`
}

/** `NAME:ALIAS`, with the slot where it is the second one. */
export function place(row: JsonObject): string {
  const weighted = row['slot'] === 'weighted' ? ' (weighted)' : ''
  return `${text(row, 'alias')}${weighted}`
}

/** What seals said when it was decided, and whose they were. */
export function seals(row: JsonObject): string {
  const { verdict, publishers } = row
  if (typeof verdict !== 'string') return 'withheld'
  const names = Array.isArray(publishers) ? publishers.map(String).join(', ') : ''
  return names === '' ? verdict : `${verdict}: ${names}`
}

/** A decision's id, with whose it was and who had approved. */
export function decided(decision: unknown): string {
  if (!isObject(decision as JsonObject)) return '-'
  const told = decision as JsonObject
  const id = text(told, 'id')
  if (told['withheld'] === true) return `${id} (withheld)`
  const approvers = objects(told, 'approvals').flatMap(({ approvers: all }) =>
    Array.isArray(all) ? all.map(String) : [],
  )
  const approved = approvers.length === 0 ? '' : `, approved by ${approvers.join(', ')}`
  return `${id}${approved}`
}

/** Who did it, and what. */
export function doneBy(row: JsonObject): string {
  const { principal, action } = row
  const who = isObject(principal) ? text(principal, 'name') : '-'
  return typeof action === 'string' ? `${who} ${action}` : who
}

/** From when to when. */
export function span(row: JsonObject): string {
  const { to } = row
  return `${text(row, 'from')} .. ${typeof to === 'string' ? to : ''}`.trimEnd()
}
