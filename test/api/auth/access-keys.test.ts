import { expect, it } from 'vitest'

import {
  createAccessKey,
  disableAccessKey,
  newAccessKeyPair,
  setDisabled,
} from '../../../services/auth/index.ts'
import { PlatformError, sha256, systemRandom } from '../../../services/model/index.ts'
import { adminKeys, openEdge, plainBox, type TestEdge } from '../../support/edge.ts'
import { signWithSmithy, type Keys } from '../../support/signers.ts'

const handlers = { GetFunction: async () => ({ status: 200, body: {} }) }

async function addKey(edge: TestEdge, principalId = 'usr-admin'): Promise<Keys> {
  const { id, secret } = newAccessKeyPair(systemRandom)
  await edge.store.transaction((tx) =>
    createAccessKey(tx, {
      id,
      principalId,
      secretSealed: plainBox.seal(secret, id),
      createdAtMs: 2,
    }),
  )
  return { accessKeyId: id, secretAccessKey: secret }
}

async function statusFor(edge: TestEdge, keys: Keys): Promise<number> {
  const { url, headers } = await signWithSmithy(keys, {
    method: 'GET',
    path: '/2015-03-31/functions/f',
  })
  return (await edge.app.inject({ method: 'GET', url, headers })).statusCode
}

it('a new key works at once, in the shapes that AWS tools expect', async () => {
  await using edge = await openEdge({ handlers })

  const keys = await addKey(edge)

  expect(keys.accessKeyId).toMatch(/^AKIA[A-Z2-7]{16}$/)
  expect(keys.secretAccessKey).toHaveLength(40)
  expect(await statusFor(edge, keys)).toBe(200)
})

it('a disabled key is refused from the commit on, though its signing key was in memory', async () => {
  await using edge = await openEdge({ handlers })
  const keys = await addKey(edge)
  expect(await statusFor(edge, keys)).toBe(200)

  await edge.store.transaction((tx) => disableAccessKey(tx, keys.accessKeyId))
  edge.authenticator.forget()

  expect(await statusFor(edge, keys)).toBe(403)
  expect(await statusFor(edge, adminKeys)).toBe(200)
})

it.each<[string, (edge: TestEdge, keys: Keys) => Promise<unknown>]>([
  ['whose key was disabled', (edge, { accessKeyId }) => edge.store.transaction((tx) => disableAccessKey(tx, accessKeyId))],
  ['who was disabled', (edge) => edge.store.transaction((tx) => setDisabled(tx, 'usr-2', 3))],
  ['who lost the role', (edge) => edge.store.transaction((tx) => tx.updateTable('principal').set({ roles: '[]' }).where('id', '=', 'usr-2').execute())],
])('one %s while the body came does nothing more', async (_what, change) => {
  await using edge = await openEdge({ handlers })
  await edge.store.transaction((tx) => tx.insertInto('principal').values({ id: 'usr-2', kind: 'user', name: 'eve', roles: '["admin"]', created_at: 1 }).execute())
  const keys = await addKey(edge, 'usr-2')
  const path = '/2015-03-31/functions/f'
  const { headers } = await signWithSmithy(keys, { method: 'PUT', path, body: '{}' })
  const request = { method: 'PUT', path, query: '', headers: Object.entries(headers) }
  const begin = () => edge.authenticator.begin(request, { services: ['lambda'], action: 'lambda:UpdateFunctionCode', resource: { kind: 'Function', name: 'f' }, changing: false })
  const [held, kept] = [await begin(), await begin()]
  await kept.finish(sha256('{}'))

  await change(edge, keys)
  edge.authenticator.forget()

  await expect(held.finish(sha256('{}'))).rejects.toBeInstanceOf(PlatformError)
}) // prettier-ignore

it('the last active key cannot be disabled, nor one that is not there', async () => {
  await using edge = await openEdge()
  const disable = (id: string) => edge.store.transaction((tx) => disableAccessKey(tx, id))

  await expect(disable(adminKeys.accessKeyId)).rejects.toMatchObject({ code: 'RESOURCE_CONFLICT' })
  await expect(disable('AKIANOTTHERE')).rejects.toMatchObject({ code: 'RESOURCE_NOT_FOUND' })
})

it('a principal without the admin role may do nothing, and is told so before its body is read', async () => {
  await using edge = await openEdge({ handlers })
  await edge.store.transaction((tx) =>
    tx
      .insertInto('principal')
      .values({ id: 'usr-2', kind: 'user', name: 'eve', roles: '["reader"]', created_at: 1 })
      .execute(),
  )
  const keys = await addKey(edge, 'usr-2')
  const { url, headers } = await signWithSmithy(keys, {
    method: 'GET',
    path: '/2015-03-31/functions/f',
  })

  const answer = await edge.app.inject({ method: 'GET', url, headers })

  expect(answer.statusCode).toBe(403)
  expect(answer.headers['x-amzn-errortype']).toBe('AccessDeniedException')
  expect(answer.body).toContain('is not authorized to perform: lambda:GetFunction')
})
