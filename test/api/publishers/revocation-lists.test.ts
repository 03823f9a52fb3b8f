import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

import { afterAll, beforeAll, expect, test } from 'vitest'

import { storedRevocationLists } from '../../../services/sources/index.ts'
import { createPublisher, type Deps } from '../../../services/operations/index.ts'
import { readWorld } from '../../../services/operations/facts.ts'
import { startTestApp, type TestApp } from '../../support/app.ts'
import { CALLER } from '../../support/lambda-api.ts'
import { root } from '../../support/pki.ts'
import { revocationList } from '../../support/revocation-data.ts'

let app: TestApp
let server: Server
let url = ''
let served: Uint8Array = new Uint8Array()
const ca = root({ untilMs: Date.now() + 86_400_000 })
const NOW_MS = Date.now()
const listAt = (ms: number, serial?: number): Uint8Array =>
  revocationList(ca, {
    thisUpdateMs: ms,
    nextUpdateMs: NOW_MS + 86_400_000,
    revoked: serial === undefined ? [] : [{ serial, atMs: ms }],
  })

beforeAll(async () => {
  server = createServer((_request, response) => void response.end(served))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/ca.crl`
  app = await startTestApp({ allowSource: ['127.0.0.1'] })
})
afterAll(async () => {
  await app[Symbol.asyncDispose]()
  server.closeAllConnections()
  server.close()
})

const kept = async ({ store }: Deps): Promise<Uint8Array | undefined> =>
  (await storedRevocationLists(store.reader, [url]))[0]?.der

test('fetches the list of a publisher when it is saved, raises the world when it changes, and keeps it over junk and older lists', async () => {
  const { deps } = app
  const [first, second] = [listAt(NOW_MS - 20_000), listAt(NOW_MS - 10_000, 7)]
  served = first
  const document = { kind: 'x509', rootsPem: [ca.pem], revocation: { lists: [{ url }] } }
  await createPublisher(deps, CALLER, { name: 'listed', publisher: { document } })

  expect(await kept(deps)).toEqual(Buffer.from(first))

  const before = await readWorld(deps.store.reader)
  await deps.revocationLists?.refresh([url])
  expect(await readWorld(deps.store.reader)).toBe(before)

  served = second
  await deps.revocationLists?.refresh([url])
  expect(await kept(deps)).toEqual(Buffer.from(second))
  expect(await readWorld(deps.store.reader)).toBe(before + 1)

  const stranger = revocationList(root({ subject: 'stranger' }), {
    thisUpdateMs: NOW_MS - 5_000,
    nextUpdateMs: NOW_MS + 86_400_000,
  })
  const forged = revocationList(ca, {
    thisUpdateMs: NOW_MS - 5_000,
    nextUpdateMs: NOW_MS + 86_400_000,
    key: root().key,
  })
  const ahead = listAt(NOW_MS + 3_600_000)
  for (const bad of [Buffer.from('<html>'), first, stranger, forged, ahead]) {
    served = bad
    await deps.revocationLists?.refresh([url])
    expect(await kept(deps)).toEqual(Buffer.from(second))
  }
  expect(app.complaints.join('\n')).toMatch(/could not be renewed.*UNAVAILABLE/)
})
