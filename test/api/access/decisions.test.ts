import { expect, it } from 'vitest'

import type { Facts, Principal } from '../../../services/model/index.ts'
import {
  AccessControl,
  listDecisionsFor,
  readDecisionFor,
  type Deps,
} from '../../../services/operations/index.ts'
import { authorizationSet } from '../../support/authorization.ts'
import { CALLER, startLambdaApi } from '../../support/lambda-api.ts'
import { nodePackage } from '../../support/packages.ts'

const set = authorizationSet(`
  @id("team") permit (
    principal in Lacre::Role::"team", action in Lacre::Action::"read", resource in Lacre::Function::"shop");`)

it('shows a decision to whoever may read all that it names, and to nobody else', async () => {
  await using api = await startLambdaApi()
  for (const name of ['shop', 'vault']) {
    const json = {
      FunctionName: name,
      Runtime: 'nodejs20.x',
      Handler: 'index.handler',
      Role: 'arn:aws:iam::000000000000:role/r',
    }
    await api.call('CreateFunction', { json, zip: nodePackage(1) })
  }
  const { store, place } = api.deps
  const deps: Deps = {
    ...api.deps,
    access: new AccessControl({ store, place, policies: () => Promise.resolve(set) }),
  }
  const principal: Principal = { id: 'usr-t', kind: 'user', name: 't', roles: ['team'], claims: {} }
  const team = { ...CALLER, principal }

  const all = await listDecisionsFor(api.deps, CALLER, { limit: 50 })
  const shown = await listDecisionsFor(deps, team, { limit: 50 })
  const [hidden] = all.filter(({ resource }) => resource.endsWith(':vault'))

  expect(new Set(all.map(({ resource }) => resource.split(':').at(-1)))).toEqual(
    new Set(['shop', 'vault']),
  )
  expect(shown.map(({ resource }) => resource.split(':').at(-1))).toEqual(['shop'])
  await expect(readDecisionFor(deps, team, hidden?.id ?? '')).rejects.toMatchObject({
    code: 'ACCESS_DENIED',
  })
  const { facts } = await readDecisionFor(deps, team, shown[0]?.id ?? '')
  expect((facts satisfies Facts).resource).toContain('shop')
})
