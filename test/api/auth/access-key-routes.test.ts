import type { AddressInfo } from 'node:net'

import { afterAll, beforeAll, expect, it } from 'vitest'

import { openClient, type Client } from '../../../cli/client/index.ts'
import { openAuthenticator } from '../../../services/auth/index.ts'
import { accessKeyRoutes, buildServer, createMetrics } from '../../../services/http/index.ts'
import { accessKeyBox } from '../../../services/keys/index.ts'
import { systemClock } from '../../../services/model/index.ts'
import { startTestApp, type TestApp } from '../../support/app.ts'

let app: TestApp
let close: () => Promise<void>
let connect: (keys: { accessKeyId: string; secretAccessKey: string }) => Client

beforeAll(async () => {
  app = await startTestApp()
  const { deps } = app
  const box = accessKeyBox(deps.keys)
  const authenticator = openAuthenticator({ ...deps, box, authorizer: deps.access })
  const server = buildServer({
    deps,
    config: { host: '127.0.0.1', port: 0 },
    authenticator,
    lambdaHandlers: {},
    governanceRoutes: accessKeyRoutes(deps, { box, forget: () => authenticator.forget() }),
    metrics: createMetrics(),
    ready: () => true,
  })
  await server.listen({ host: '127.0.0.1', port: 0 })
  const { port } = server.server.address() as AddressInfo
  const endpoint = new URL(`http://127.0.0.1:${port}`)
  connect = (keys) => openClient({ ...keys, endpoint, region: app.admin.region }, systemClock)
  close = async () => {
    await server.close()
  }
})
afterAll(async () => {
  await close()
  await app[Symbol.asyncDispose]()
})

interface Answer {
  readonly accessKey: { readonly id: string }
  readonly accessKeys: readonly unknown[]
  readonly secretAccessKey: string
}

const json = async (client: Client, method: 'GET' | 'POST', path: string) => {
  const reply = await client.send({ method, path })
  return { ...reply, body: JSON.parse(Buffer.from(reply.body).toString()) as Answer }
}

it('makes a key through the gate whose secret works and is stored nowhere in the clear, and disables it for good', async () => {
  const admin = connect(app.admin)

  const made = await json(admin, 'POST', '/api/v1/access-keys')
  const { id } = made.body.accessKey
  const secret = made.body.secretAccessKey
  const own = connect({ accessKeyId: id, secretAccessKey: secret })
  const listed = await json(own, 'GET', '/api/v1/access-keys')
  const rows = await app.deps.store.reader.selectFrom('access_key').selectAll().execute()
  const entries = await app.deps.store.reader.selectFrom('ledger_entry').select('body').execute()

  expect(made.status).toBe(201)
  expect(made.headers['x-lacre-decision-id']).toMatch(/^dec-/)
  expect(listed.body.accessKeys).toHaveLength(2)
  expect(JSON.stringify(listed.body)).not.toContain('ecret')
  expect(JSON.stringify(rows)).not.toContain(secret)
  expect(JSON.stringify(entries)).not.toContain(secret)
  expect(entries.filter(({ body }) => body.includes('lacre:CreateAccessKey'))).toHaveLength(1)

  await json(admin, 'POST', `/api/v1/access-keys/${id}/disable`)

  await expect(own.send({ method: 'GET', path: '/api/v1/access-keys' })).rejects.toMatchObject({
    code: 'UNKNOWN_ACCESS_KEY',
  })
})

it('keeps the last active key, and knows none that is not there', async () => {
  const admin = connect(app.admin)
  const disable = (id: string) =>
    admin.send({ method: 'POST', path: `/api/v1/access-keys/${id}/disable` })

  await expect(disable(app.admin.accessKeyId)).rejects.toMatchObject({ code: 'RESOURCE_CONFLICT' })
  await expect(disable('AKIANOTTHERE')).rejects.toMatchObject({ code: 'RESOURCE_NOT_FOUND' })
})
