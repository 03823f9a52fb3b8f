import { CreateAliasCommand, PublishVersionCommand } from '@aws-sdk/client-lambda'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { startTestApp, type TestApp } from '../../support/app.ts'
import { createActive } from '../../support/functions.ts'
import { governance } from '../../support/governance.ts'

interface Page {
  readonly live: readonly { readonly functionName: string; readonly alias: string }[]
  readonly total?: number
  readonly states?: Readonly<Record<string, number>>
  readonly nextMarker?: string
}

let app: TestApp

beforeAll(async () => {
  app = await startTestApp()
  for (const FunctionName of ['cart', 'checkout', 'Cart2']) {
    await createActive(app.client, FunctionName)
    await app.client.send(new PublishVersionCommand({ FunctionName }))
    for (const Name of ['prod', 'staging'])
      await app.client.send(new CreateAliasCommand({ FunctionName, Name, FunctionVersion: '1' }))
  }
}, 60_000)
afterAll(() => app[Symbol.asyncDispose]())

const ask = async (query: Record<string, string>) =>
  await governance<Page>(app.admin, { path: '/live', query })
const names = ({ live }: Page): string[] =>
  live.map(({ functionName, alias }) => `${functionName}:${alias}`)

test('what fits no page is asked for is answered whole, and without counts', async () => {
  const { body } = await ask({})

  expect(names(body)).toHaveLength(12)
  expect(body.total).toBeUndefined()
})

test('pages together are what there is, each once and in order', async () => {
  const all = names((await ask({})).body)
  const seen: string[] = []
  let marker: string | undefined
  do {
    const { body } = await ask({ limit: '5', ...(marker !== undefined && { marker }) })
    expect(body.total).toBe(12)
    seen.push(...names(body))
    marker = body.nextMarker
  } while (marker !== undefined)

  expect(seen).toEqual(all)
})

test('a page goes on after what its marker names, also when that is gone', async () => {
  const { body: first } = await ask({ limit: '2', names: 'aliases' })
  const gone = Buffer.from('Cart2\nprox\nprimary').toString('base64url')

  const { body: rest } = await ask({ marker: gone, names: 'aliases' })

  expect(names(first)).toEqual(['Cart2:prod', 'Cart2:staging'])
  expect(names(rest)).toEqual([
    'Cart2:staging',
    'cart:prod',
    'cart:staging',
    'checkout:prod',
    'checkout:staging',
  ])
})

test('is searched by any part of the name, by function and by how it stands', async () => {
  await governance(app.admin, { method: 'PUT', path: '/freezes/cart', body: { reason: 'r' } })

  const { body: found } = await ask({ search: 'CART:PR' })
  const { body: own } = await ask({ functionName: 'cart', names: 'aliases' })
  const { body: frozen } = await ask({ state: 'frozen', names: 'aliases' })
  const { body: then } = await ask({
    at: new Date().toISOString(),
    search: 'checkout',
    names: 'aliases',
  })

  expect(names(found)).toEqual(['cart:prod'])
  expect(names(own)).toEqual(['cart:prod', 'cart:staging'])
  expect(names(frozen)).toEqual(['cart:prod', 'cart:staging'])
  expect(frozen.states).toEqual({ frozen: 2, compliant: 4 })
  expect(names(then)).toEqual(['checkout:prod', 'checkout:staging'])
})

test.each([
  '%',
  '_',
  'c_rt',
  'c%',
  '\\',
  "'",
  'cart:',
  ':prod',
  'CHECKOUT',
  '2',
  '$latest',
  '\u212a',
])(
  'a search finds what has the text in it, and takes no character of it for another: %j',
  async (search) => {
    const all = names((await ask({})).body)
    const { body } = await ask({ search, limit: '100' })

    expect(names(body)).toEqual(
      all.filter((name) => name.toLowerCase().includes(search.toLowerCase())),
    )
  },
)

test.each([
  [{ limit: '0' }],
  [{ limit: '501' }],
  [{ marker: 'not a marker!' }],
  [{ state: 'lovely' }],
  [{ names: 'some' }],
  [{ search: '' }],
  [{ functionName: 'a b' }],
  [{ other: '1' }],
])('%j is refused', async (query) => {
  expect((await ask(query as Record<string, string>)).status).toBe(400)
})
