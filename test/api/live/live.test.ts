import {
  CreateAliasCommand,
  PublishVersionCommand,
  UpdateAliasCommand,
  UpdateFunctionCodeCommand,
  waitUntilFunctionUpdatedV2,
  waitUntilPublishedVersionActive,
} from '@aws-sdk/client-lambda'
import { afterAll, expect, it } from 'vitest'

import { startTestApp } from '../../support/app.ts'
import { createActive } from '../../support/functions.ts'
import { governance } from '../../support/governance.ts'
import { nodePackage } from '../../support/packages.ts'

const app = await startTestApp()
afterAll(() => app[Symbol.asyncDispose]())

interface Row {
  readonly functionName: string
  readonly alias: string
  readonly slot: string
  readonly version: string
  readonly weight: number
  readonly decisionId: string
  readonly from: string
  readonly to: string | null
}
interface Live {
  readonly at: string
  readonly live: readonly Row[]
}

const wait = { client: app.client, maxWaitTime: 20, minDelay: 1, maxDelay: 1 }
const publish = async (): Promise<string> => {
  const { Version: version } = await app.client.send(
    new PublishVersionCommand({ FunctionName: 'shop' }),
  )
  await waitUntilPublishedVersionActive(wait, { FunctionName: 'shop', Qualifier: version })
  return version ?? ''
}
const live = async (at?: string): Promise<Live> => {
  const query: Record<string, string> = at === undefined ? {} : { at }
  return (await governance<Live>(app.admin, { path: '/live', query })).body
}
const cells = ({ live: rows }: Live): string[] =>
  rows.map((row) => `${row.alias} ${row.slot} ${row.version} ${row.weight}`).toSorted()

await createActive(app.client, 'shop', { Code: { ZipFile: nodePackage('one') } })
await publish()
await app.client.send(
  new CreateAliasCommand({ FunctionName: 'shop', Name: 'prod', FunctionVersion: '1' }),
)
const first = await live()
await app.client.send(
  new UpdateFunctionCodeCommand({ FunctionName: 'shop', ZipFile: nodePackage('two') }),
)
await waitUntilFunctionUpdatedV2(wait, { FunctionName: 'shop' })
await publish()
await app.client.send(
  new UpdateAliasCommand({
    FunctionName: 'shop',
    Name: 'prod',
    RoutingConfig: { AdditionalVersionWeights: { '2': 0.1 } },
  }),
)

it('tells every version, $LATEST, and both slots of an alias with their shares', async () => {
  expect(cells(await live())).toEqual([
    '$LATEST primary $LATEST 1',
    '1 primary 1 1',
    '2 primary 2 1',
    'prod primary 1 0.9',
    'prod weighted 2 0.1',
  ])
})

it('tells what was live then', async () => {
  expect(cells(await live(first.at))).toEqual([
    '$LATEST primary $LATEST 1',
    '1 primary 1 1',
    'prod primary 1 1',
  ])
})

it('tells that nothing was live before the first deployment', async () => {
  expect((await live('2020-01-01T00:00:00Z')).live).toEqual([])
})

it('names a decision for each row, and the decision names the function', async () => {
  for (const row of (await live()).live) {
    const { status, body } = await governance<{ facts: { resource: string } }>(app.admin, {
      path: `/decisions/${row.decisionId}`,
    })
    expect(status).toBe(200)
    expect(body.facts.resource).toContain('function:shop')
  }
})

it('keeps the history of an alias, oldest first, each interval closed but the last', async () => {
  const { body } = await governance<{ history: Row[] }>(app.admin, { path: '/live/shop/prod' })

  const primary = body.history.filter((row) => row.slot === 'primary')
  expect(primary.map((row) => row.version)).toEqual(['1', '1'])
  expect(primary.map((row) => row.to === null)).toEqual([false, true])
})

it.each(['tomorrow', '2026-05-03T14:00:00', '9999-12-31T23:59:59Z'])(
  'refuses the time %s',
  async (at) => {
    const { status } = await governance(app.admin, { path: '/live', query: { at } })

    expect(status).toBe(400)
  },
)
