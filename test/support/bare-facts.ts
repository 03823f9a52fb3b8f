import type { Facts, Sha256 } from '../../services/model/index.ts'

export const FUNCTION = 'arn:aws:lambda:us-east-1:000000000000:function:shop'
export const ALIAS = `${FUNCTION}:prod`
export const release = 'ab'.repeat(32) as Sha256

/** Facts of a move of an alias that say as little as they may, beside what a test is about. */
export function bareFacts(more: Partial<Facts> = {}): Facts {
  return {
    v: 1,
    at: '2026-06-01T12:00:00.000Z',
    world: 1,
    validUntil: null,
    principal: { id: 'dora', kind: 'user', name: 'dora', roles: [], claims: {} },
    action: 'lambda:UpdateAlias',
    resource: ALIAS,
    release,
    change: { from: '1', to: '2' },
    subjects: [],
    signingConfig: null,
    isolation: 'full',
    loaderVariables: [],
    noteworthyPaths: [],
    ...more,
  }
}
