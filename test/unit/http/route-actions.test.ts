import { expect, it } from 'vitest'

import { OPERATIONS } from '../../../services/http/lambda/operations-table.ts'
import { lambdaBodyResource, lambdaResource } from '../../../services/http/lambda/resource.ts'
import {
  accessKeyRoutes,
  consoleLinkRoutes,
  createMetrics,
  governanceRoutes,
  principalRoutes,
  runtimeRoutes,
} from '../../../services/http/index.ts'
import type { ConsoleSessions } from '../../../services/auth/index.ts'
import {
  ROUTE_ACTIONS,
  routeAction,
  routeBodyResource,
} from '../../../services/http/governance/route-actions.ts'
import { SIGNER_OPERATIONS } from '../../../services/http/signer/operations-table.ts'
import { signerResource } from '../../../services/http/signer/resource.ts'
import { API_ACTIONS, systemClock, type ResourceRef } from '../../../services/model/index.ts'
import type { AccessKeyParts, Deps } from '../../../services/operations/index.ts'

// Routes are a table; nothing of these is called while it is made.
const deps = {} as Deps
const routes = governanceRoutes(deps, [
  ...accessKeyRoutes(deps, {} as AccessKeyParts),
  ...principalRoutes(deps),
  ...consoleLinkRoutes({} as ConsoleSessions),
  ...runtimeRoutes({ ...deps, clock: systemClock }, createMetrics()),
]).map(({ method, path }) => `${method} ${path}`)
/** Those that the server itself registers. */
const own = ['PUT /artifacts/:sha256', 'GET /tlog']

const labelsOf = (path: string): Record<string, string> =>
  Object.fromEntries([...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => [name, 'thing']))

const question = (operation: string, path: Record<string, string>, query = '') => ({
  action: `lambda:${operation === 'Invoke' ? 'InvokeFunction' : operation}`,
  operation,
  path,
  query,
})

const fits = (action: string, resource: ResourceRef | undefined): boolean =>
  resource === undefined || API_ACTIONS.get(action)?.on.includes(resource.kind) === true

it('every operation of Lambda has an action of a group, and is asked of a thing that the action is for', () => {
  const wrong = OPERATIONS.filter(([name, , path]) => {
    const asked = question(name, labelsOf(path))
    return !API_ACTIONS.has(asked.action) || !fits(asked.action, lambdaResource(asked))
  })

  expect(wrong).toEqual([])
  expect(OPERATIONS.length).toBeGreaterThan(80)
})

it('every operation of Signer has one too', () => {
  const wrong = SIGNER_OPERATIONS.filter(([name, , path]) => {
    const action = `signer:${name}`
    return !API_ACTIONS.has(action) || !fits(action, signerResource(name, labelsOf(path)))
  })

  expect(wrong).toEqual([])
  expect(SIGNER_OPERATIONS).toHaveLength(19)
})

it('every route of our own API is in the table, with an action that is known and fits, and the table has no other', () => {
  const all = [...routes, ...own]
  const wrong = all.filter((one) => {
    const { action, resource } = routeAction(one, {
      name: 'x',
      id: 'x',
      functionName: 'f',
      alias: 'a',
    })
    return !Object.hasOwn(ROUTE_ACTIONS, one) || !API_ACTIONS.has(action) || !fits(action, resource)
  })

  expect(wrong).toEqual([])
  expect(Object.keys(ROUTE_ACTIONS).toSorted()).toEqual([...new Set(all)].toSorted())
})

it('a route that no table knows is for whoever governs the rules', () => {
  const { action, resource } = routeAction('GET /constructor', {})

  expect(API_ACTIONS.get(action)?.group).toBe('rules')
  expect(resource).toEqual({ kind: 'Object', name: '*' })
  expect(routeAction('toString', {}).action).toBe('lacre:Unlisted')
})

it.each<[string, Record<string, string>, string, ResourceRef | undefined]>([
  ['GetFunction', { FunctionName: 'f' }, '', { kind: 'Function', name: 'f' }],
  ['GetFunction', { FunctionName: 'f:prod' }, '', { kind: 'Alias', name: 'f', alias: 'prod' }],
  ['Invoke', { FunctionName: 'f' }, 'Qualifier=prod', { kind: 'Alias', name: 'f', alias: 'prod' }],
  ['Invoke', { FunctionName: 'f' }, 'Qualifier=12', { kind: 'Function', name: 'f' }],
  ['Invoke', { FunctionName: 'f' }, 'Qualifier=%24LATEST', { kind: 'Function', name: 'f' }],
  [
    'Invoke',
    { FunctionName: 'arn:aws:lambda:us-east-1:000000000000:function:f:prod' },
    '',
    { kind: 'Alias', name: 'f', alias: 'prod' },
  ],
  ['UpdateAlias', { FunctionName: 'f', Name: 'p' }, '', { kind: 'Alias', name: 'f', alias: 'p' }],
  ['CreateFunction', {}, '', undefined],
  ['ListFunctions', {}, '', { kind: 'Object', name: '*' }],
  [
    'TagResource',
    { Resource: 'arn:aws:lambda:us-east-1:000000000000:function:f' },
    '',
    { kind: 'Function', name: 'f' },
  ],
])('of %s %j %s the thing is told before the body', (operation, path, query, expected) => {
  expect(lambdaResource(question(operation, path, query))).toEqual(expected)
})

it('what only the body names is told from it, and an absent name is no name', () => {
  const create = question('CreateFunction', {})
  const alias = question('CreateAlias', { FunctionName: 'f' })
  const mapping = question('UpdateEventSourceMapping', { UUID: 'u' })

  expect(lambdaBodyResource(create, { FunctionName: 'f' })).toEqual({ kind: 'Function', name: 'f' })
  expect(lambdaBodyResource(create, {})).toEqual({ kind: 'Function', name: '' })
  expect(lambdaBodyResource(alias, { Name: 'prod' })).toEqual({
    kind: 'Alias',
    name: 'f',
    alias: 'prod',
  })
  expect(lambdaBodyResource(mapping, { FunctionName: 'g:live' })).toEqual({
    kind: 'Alias',
    name: 'g',
    alias: 'live',
  })
  expect(lambdaBodyResource(mapping, {})).toBeUndefined()
  expect(lambdaBodyResource(question('UpdateAlias', {}), { '': 'f' })).toBeUndefined()
  expect(routeBodyResource('POST /publishers', { name: 'ci' })).toEqual({
    kind: 'Publisher',
    name: 'ci',
  })
  expect(routeBodyResource('GET /publishers', { name: 'ci' })).toBeUndefined()
})
