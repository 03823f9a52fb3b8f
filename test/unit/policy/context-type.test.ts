import * as bare from '@cedar-policy/cedar-wasm/nodejs'
import { expect, test } from 'vitest'

import { isOfType, type TypeForm } from '../../../services/policy/context-type.ts'
import type { SchemaForm } from '../../../services/policy/schema-slice.ts'

const NAMED: TypeForm = { type: 'EntityOrCommon', name: 'Named' }
const named = (name: string): TypeForm => ({ type: 'EntityOrCommon', name })
const setOf = (element: TypeForm): TypeForm => ({ type: 'Set', element })
const decimal: TypeForm = { type: 'Extension', name: 'decimal' }
const datetime: TypeForm = { type: 'Extension', name: 'datetime' }
const TEXT: TypeForm = { type: 'String' }
const LONG: TypeForm = { type: 'Long' }
const record: TypeForm = {
  type: 'Record',
  attributes: { must: TEXT, may: { ...LONG, required: false } },
}
const of = (fn: unknown, arg: unknown, more: object = {}) => ({ __extn: { fn, arg, ...more } })
const at = (time: string) => of('datetime', time)

/** Only in this namespace `Named` is a record and `Long` what it is elsewhere. */
function schemaOf(form: TypeForm): SchemaForm {
  const own = {
    commonTypes: { Named: record },
    entityTypes: { Thing: {} },
    actions: {
      open: {
        appliesTo: {
          principalTypes: ['Thing'],
          resourceTypes: ['Thing'],
          context: { type: 'Record', attributes: { it: form } },
        },
      },
    },
  }
  return { '': own } as unknown as SchemaForm
}

function isTaken(value: unknown, form: TypeForm): boolean {
  const uid = { type: 'Thing', id: 't' }
  const answer = bare.isAuthorized({
    principal: uid,
    action: { type: 'Action', id: 'open' },
    resource: uid,
    context: { it: value as never },
    schema: schemaOf(form),
    validateRequest: true,
    policies: { staticPolicies: 'permit (principal, action, resource);' },
    entities: [],
  })
  return answer.type === 'success'
}

const knows = (value: unknown, form: TypeForm): boolean => {
  const schema = schemaOf(form)
  return isOfType(value, form, { schema, own: schema[''] })
}

const SURE: readonly [what: string, value: unknown, form: TypeForm][] = [
  ['a text', 'x', TEXT],
  ['an empty text', '', TEXT],
  ['a text, by its name', 'x', named('String')],
  ['a number', -3, LONG],
  ['the largest number', Number.MAX_SAFE_INTEGER, named('Long')],
  ['yes', true, { type: 'Boolean' }],
  ['no', false, named('Bool')],
  ['an empty list', [], setOf(LONG)],
  ['a list', [1, 2], setOf(LONG)],
  ['a list of lists', [['a'], []], setOf(setOf(TEXT))],
  ['a record', { must: 'x', may: 1 }, record],
  ['a record of what it needs', { must: 'x' }, record],
  ['a record, by its name', { must: 'x' }, NAMED],
  ['a list of records', [{ must: 'x' }, { must: 'y', may: 2 }], setOf(NAMED)],
  ['an empty record', {}, { type: 'Record', attributes: {} }],
  ['a decimal', of('decimal', '0.5'), decimal],
  ['a decimal below nothing, by its name', of('decimal', '-12345678901234.1234'), named('decimal')],
  ['a time', at('2026-12-31T23:59:59.999Z'), datetime],
  ['the first of a month', at('2026-02-01T00:00:00.000Z'), datetime],
  ['the last of February, by its name', at('2026-02-28T19:00:00.000Z'), named('datetime')],
  ...[4, 6, 9, 11].map((month): [string, unknown, TypeForm] => [
    `the last of month ${month}`,
    at(`2026-${String(month).padStart(2, '0')}-30T00:00:00.000Z`),
    datetime,
  ]),
  ...[1, 3, 5, 7, 8, 10, 12].map((month): [string, unknown, TypeForm] => [
    `the last of month ${month}`,
    at(`2026-${String(month).padStart(2, '0')}-31T00:00:00.000Z`),
    datetime,
  ]),
]

test.each(SURE)('%s is surely of its type, and the engine takes it', (_what, value, form) => {
  expect(knows(value, form)).toBe(true)
  expect(isTaken(value, form)).toBe(true)
})

const REFUSED: readonly [what: string, value: unknown, form: TypeForm][] = [
  ['a number for a text', 1, TEXT],
  ['a text for a number', '1', LONG],
  ['half a number', 0.5, LONG],
  ['nothing for a number', null, LONG],
  ['a number for yes or no', 1, { type: 'Bool' }],
  ['a text for a list', 'x', setOf(TEXT)],
  ['a record for a list', { 0: 'x' }, setOf(TEXT)],
  ['a list of which one is wrong', ['x', 1], setOf(TEXT)],
  ['a list for a record', ['x'], record],
  ['an empty list for an empty record', [], { type: 'Record' }],
  ['a text for a record', 'x', record],
  ['nothing for a record', null, record],
  ['a record without what it needs', { may: 1 }, record],
  ['a record of a wrong member', { must: 1 }, record],
  ['a record of a wrong member that may be there', { must: 'x', may: 'y' }, record],
  ['a record with more', { must: 'x', more: 1 }, record],
  ['a record with what every object has', { must: 'x', toString: 'x' }, NAMED],
  ['a number for a decimal', 0.5, decimal],
  ['nothing for a decimal', null, decimal],
  ['a decimal of no digits', of('decimal', '1'), decimal],
  ['a decimal of too many digits', of('decimal', '0.12345'), decimal],
  ['a decimal with text before it', of('decimal', 'x0.1'), decimal],
  ['a decimal with text behind it', of('decimal', '0.1x'), decimal],
  ['a time for a decimal', at('2026-01-01T00:00:00.000Z'), decimal],
  ['a decimal for a time', of('decimal', '0.1'), datetime],
  ['a call of nothing', { __extn: 'decimal' }, decimal],
  ['a time that looks like a decimal', of('datetime', '0.5'), decimal],
  ['a call of no function', { __extn: { arg: '0.5', more: 1 } }, decimal],
  [
    'a call with something else than what it is of',
    { __extn: { fn: 'decimal', more: '0.5' } },
    decimal,
  ],
  ['a call that is none', { __extn: null }, decimal],
  ['a call without what it is of', { __extn: { fn: 'decimal' } }, decimal],
  ['a call of a number', of('decimal', 0.5), decimal],
  ['the 30th of February', at('2026-02-30T00:00:00.000Z'), datetime],
  ['the 31st of April', at('2026-04-31T00:00:00.000Z'), datetime],
  ['the 32nd', at('2026-01-32T00:00:00.000Z'), datetime],
  ['the day before the first', at('2026-01-00T00:00:00.000Z'), datetime],
  ['month 13', at('2026-13-01T00:00:00.000Z'), datetime],
  ['month 0', at('2026-00-01T00:00:00.000Z'), datetime],
  ['hour 24', at('2026-01-01T24:00:00.000Z'), datetime],
  ['minute 60', at('2026-01-01T00:60:00.000Z'), datetime],
  ['second 60', at('2026-01-01T00:00:60.000Z'), datetime],
  ['a time of too few digits', at('2026-01-01T00:00:00.00Z'), datetime],
  ['a time with text before it', at('x2026-01-01T00:00:00.000Z'), datetime],
  ['a time with text behind it', at('2026-01-01T00:00:00.000Zx'), datetime],
  ['no time', at('yesterday'), datetime],
  ['a text for an entity', 'x', named('Thing')],
]

test.each(REFUSED)(
  '%s is not known to be of its type; nor does the engine take it',
  (_what, value, form) => {
    expect(knows(value, form)).toBe(false)
    expect(isTaken(value, form)).toBe(false)
  },
)

/** What the engine might take: here nothing is said of it, and the engine is asked. */
const OPEN: readonly [what: string, value: unknown, form: TypeForm][] = [
  ['half a character', '\ud800', TEXT],
  ['a number that is none of JavaScript’s', 2 ** 53, LONG],
  ['an entity', { __entity: { type: 'Thing', id: 't' } }, named('Thing')],
  ['an entity of a type that says so', { __entity: { type: 'Thing', id: 't' } }, { type: 'Entity', name: 'Thing' }],
  ['a record that may hold anything', {}, { type: 'Record', additionalAttributes: true }],
  ['a record of nobody knows what', { a: 1 }, { type: 'Record' }],
  ['a decimal as a text alone', '0.5', decimal],
  ['a decimal by its parts alone', { fn: 'decimal', arg: '0.5' }, decimal],
  ['a list of nobody knows what', [], { type: 'Set' }],
  ['a type without a name', 'x', { type: 'EntityOrCommon' }],
  ['an address that looks like a decimal', of('ipaddr', '0.5'), { type: 'Extension', name: 'ipaddr' }],
  ['an address that looks like a time', of('ipaddr', '2026-01-01T00:00:00.000Z'), { type: 'Extension', name: 'ipaddr' }],
  ['an address', of('ipaddr', '127.0.0.1'), { type: 'Extension', name: 'ipaddr' }],
  ['a time with an offset', at('2026-01-01T00:00:00.000+0100'), datetime],
  ['a day', at('2026-01-01'), datetime],
  ['29 February', at('2024-02-29T00:00:00.000Z'), datetime],
  ['a call with more beside it', { ...of('decimal', '0.5'), more: 1 }, decimal],
  ['a call with more in it', of('decimal', '0.5', { more: 1 }), decimal],
] // prettier-ignore

test.each(OPEN)('of %s it is not known here', (_what, value, form) => {
  expect(knows(value, form)).toBe(false)
})

test('of a name that also stands elsewhere in a schema it is not known what it means', () => {
  const schema = schemaOf(TEXT)
  const own = schema['']
  const beside = (more: object) =>
    isOfType('x', named('String'), {
      schema: { ...schema, Other: { entityTypes: {}, actions: {}, ...more } } as SchemaForm,
      own,
    })

  expect(beside({})).toBe(true)
  expect(beside({ commonTypes: { Text: { type: 'String' } } })).toBe(true)
  expect(beside({ commonTypes: { String: { type: 'Long' } } })).toBe(false)
  expect(beside({ entityTypes: { String: {} } })).toBe(false)
  expect(isOfType({ must: 'x' }, NAMED, { schema, own: undefined })).toBe(false)
  expect(isOfType('x', named('String'), { schema: {}, own: undefined })).toBe(true)
})
