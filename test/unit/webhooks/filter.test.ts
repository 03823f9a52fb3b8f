import { expect, test } from 'vitest'

import {
  checkFilter,
  compileFilter,
  type Told,
  type WebhookFilter,
} from '../../../services/webhooks/filter.ts'

const told: Told = { type: 'change', action: 'lambda:UpdateAlias', place: 'checkout:prod' }
const fits = (filter: WebhookFilter, about: Partial<Told> = {}): boolean =>
  compileFilter(filter).matches({ ...told, ...about })

test.each<[WebhookFilter, Partial<Told>, boolean]>([
  [{}, {}, true],
  [{ types: ['change'] }, {}, true],
  [{ types: ['chang'] }, {}, false],
  [{ types: ['refusal', 'cha*'] }, {}, true],
  [{ types: ['live.*'] }, { type: 'live.violation' }, true],
  [{ types: ['live.*'] }, { type: 'live' }, false],
  [{ types: ['live.*'] }, { type: 'alive.violation' }, false],
  [{ types: ['*'] }, { type: 'whatever' }, true],
  [{ actions: ['lambda:*'] }, {}, true],
  [{ actions: ['lacre:*'] }, {}, false],
  [{ scopes: ['checkout'] }, {}, true],
  [{ scopes: ['check*:p*'] }, {}, true],
  [{ scopes: ['checkout:staging'] }, {}, false],
  [{ scopes: ['checkout:prod'] }, { place: 'checkout' }, false],
  [{ scopes: ['*'] }, { place: undefined }, false],
  [{ types: ['change'], scopes: ['other'] }, {}, false],
])('the filter %j asked of %j says %s', (filter, about, expected) => {
  expect(fits(filter, about)).toBe(expected)
})

test.each([
  { types: [] },
  { types: ['a*b'] },
  { types: [''] },
  { types: ['x\ny'] },
  { types: Array.from({ length: 33 }, () => 'a') },
  { actions: ['(lambda:.*)+$'] },
  { scopes: ['a:b:c'] },
  { scopes: ['a b'] },
  { outcomes: ['maybe'] },
])('refuses the filter %j', (filter) => {
  expect(() => checkFilter(filter as WebhookFilter)).toThrow(
    expect.objectContaining({ code: 'INVALID_PARAMETER' }),
  )
})

test('a pattern of many stars costs no more than its length', () => {
  const started = fits({ scopes: [`${'*a'.repeat(70)}`] }, { place: 'a'.repeat(140) + 'b' })

  expect(started).toBe(false)
})
