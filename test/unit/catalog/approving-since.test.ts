import { expect, it } from 'vitest'

import { approvingSince } from '../../../services/catalog/approvals.ts'

const of = { functionName: 'shop', alias: 'prod' }
const holding = (roles: readonly (readonly [name: string, sinceMs: number])[]) => ({
  id: 'p-1',
  kind: 'user' as const,
  name: 'ann',
  createdAtMs: 10,
  roles: roles.map(([name, sinceMs]) => ({ name, sinceMs })),
})
/** Board members approve, but interns only where they are seniors too. */
const approves = (_of: unknown, { roles }: { readonly roles: readonly string[] }) =>
  Promise.resolve(
    roles.includes('board') && (!roles.includes('intern') || roles.includes('senior')),
  )

it.each([
  ['a role that approves, as old as its grant', [['board', 20]], 20],
  [
    'the older of what is enough',
    [
      ['board', 10],
      ['senior', 30],
    ],
    10,
  ],
  ['no role that approves', [['senior', 20]], null],
  [
    'a role that a later one forbids',
    [
      ['board', 20],
      ['intern', 30],
    ],
    null,
  ],
  [
    'what was forbidden meanwhile',
    [
      ['board', 20],
      ['intern', 30],
      ['senior', 40],
    ],
    40,
  ],
] as const)('approves since: %s', async (_what, roles, since) => {
  expect(await approvingSince(holding(roles), of, approves)).toBe(since)
})
