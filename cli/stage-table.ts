import { objects, text, textTable, type JsonObject } from './service/index.ts'

const HOUR_MS = 3_600_000

/** What governs stages, a line to each. */
export function stageTable(answer: JsonObject, columns: number | undefined): string {
  const rows = [
    ...objects(answer, 'freezes').map((one) => [
      'freeze',
      text(one, 'scope'),
      text(one, 'reason'),
      `since ${text(one, 'frozenAt')}`,
    ]),
    ...objects(answer, 'windows').map((one) => [
      'window',
      text(one, 'scope'),
      `${text(one, 'name')}, ${text(one, 'timeZone')}`,
      one['active'] === true ? 'open' : 'closed',
    ]),
    ...objects(answer, 'promotionRules').map((one) => [
      'promotion',
      text(one, 'scope'),
      `${hoursOf(one['soakMs'])} in ${text(one, 'from')}`,
      one['endedWithinMs'] === null ? '' : `ended within ${hoursOf(one['endedWithinMs'])}`,
    ]),
    ...objects(answer, 'floors').flatMap(floorRows),
  ]
  if (rows.length === 0) return 'nothing governs any stage'
  return textTable(['what', 'where', 'how', 'state'], rows, columns)
}

function floorRows(one: JsonObject): string[][] {
  const place = `${text(one, 'functionName')}:${text(one, 'alias')}`
  return [
    ['floor', place, `soak ${hoursOf(one['soakMs'])}`, ''],
    ...objects(one, 'floors').map((floor) => [
      'floor',
      place,
      `${text(floor, 'publisher')} ${text(floor, 'counter')}`,
      `${text(floor, 'why')}, ${text(floor, 'raisedAt')}`,
    ]),
    ...objects(one, 'exceptions').map((exception) => [
      'exception',
      place,
      `${text(exception, 'release').slice(0, 12)}: ${text(exception, 'reason')}`,
      `until ${text(exception, 'expiresAt')}`,
    ]),
  ]
}

function hoursOf(ms: unknown): string {
  return `${Math.round((Number(ms) / HOUR_MS) * 100) / 100} h`
}
