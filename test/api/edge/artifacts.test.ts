import { createHash, randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'

import { expect, it } from 'vitest'

import { openClient } from '../../../cli/client/index.ts'
import { bufferSource, parseSha256, systemClock } from '../../../services/model/index.ts'
import { adminKeys, openEdge, type TestEdge } from '../../support/edge.ts'
import { listen } from '../../support/raw-http.ts'

const sha = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const put = (edge: TestEdge, digest: string, body: Uint8Array | string, type = 'application/zip') =>
  edge.ask({
    method: 'PUT',
    path: `/api/v1/artifacts/${digest}`,
    body,
    headers: { 'content-type': type },
  })

async function staged(edge: TestEdge): Promise<string[]> {
  return await readdir(join(edge.dataDir, 'staging'), { recursive: true })
}

it.each([1_000, 900_000])(
  'keeps %i bytes under their digest, once however often they come',
  async (size) => {
    await using edge = await openEdge()
    const bytes = randomBytes(size)
    const digest = sha(bytes)

    const first = await put(edge, digest, bytes)
    const second = await put(edge, digest, bytes, 'application/octet-stream')
    using source = edge.blobs.openStaged(parseSha256(digest))

    expect([first.status, second.status]).toEqual([201, 200])
    expect(first.json()).toEqual({ sha256: digest, sizeBytes: size })
    expect(sha(source?.read(0, size) ?? new Uint8Array())).toBe(digest)
  },
)

it.each<[string, string, number]>([
  ['another digest', 'a'.repeat(64), 400],
  ['a digest in capitals', 'A'.repeat(64), 400],
  ['no digest', 'x', 400],
  ['a way out', '%2e%2e%2fescape', 400],
])('refuses bytes under %s and keeps nothing', async (_name, digest, status) => {
  await using edge = await openEdge()
  const before = await staged(edge)

  const answer = await put(edge, digest, 'bytes')

  expect(answer.status).toBe(status)
  expect(answer.json()['error']).toMatchObject({ code: 'INVALID_PARAMETER' })
  expect(await staged(edge)).toEqual(before)
})

it('refuses what is not binary by its type', async () => {
  await using edge = await openEdge()

  expect((await put(edge, sha(Buffer.from('x')), 'x', 'application/json')).status).toBe(415)
})

it('takes uploads from our own client, in pieces and with progress', async () => {
  await using edge = await openEdge()
  const port = await listen(edge.app)
  const client = openClient(
    { endpoint: new URL(`http://127.0.0.1:${port}`), region: 'us-east-1', ...adminKeys },
    systemClock,
  )
  const bytes = randomBytes(5_000_000)
  const seen: number[] = []

  const reply = await client.send({
    method: 'PUT',
    path: `/api/v1/artifacts/${sha(bytes)}`,
    headers: { 'Content-Type': 'application/zip' },
    body: bufferSource(bytes),
    onProgress: (done) => seen.push(done),
  })

  expect(reply.status).toBe(201)
  expect(seen.at(-1)).toBe(5_000_000)
  expect(seen.length).toBe(5)
})

it('tells our own client what was refused and by which code', async () => {
  await using edge = await openEdge()
  const port = await listen(edge.app)
  const connection = {
    endpoint: new URL(`http://127.0.0.1:${port}`),
    region: 'us-east-1',
    ...adminKeys,
  }
  const client = openClient(connection, systemClock)
  const wrong = openClient({ ...connection, secretAccessKey: 'wrong' }, systemClock)

  await expect(
    client.send({ method: 'GET', path: '/2015-03-31/functions/f' }),
  ).rejects.toMatchObject({
    code: 'INVALID_PARAMETER',
    message: 'GetFunction is not built in this version',
  })
  await expect(client.send({ method: 'GET', path: '/api/v1/nothing' })).rejects.toMatchObject({
    code: 'UNKNOWN_OPERATION',
  })
  await expect(wrong.send({ method: 'GET', path: '/2015-03-31/functions' })).rejects.toMatchObject({
    code: 'INVALID_SIGNATURE',
  })
  await edge.app.close()
  await expect(client.send({ method: 'GET', path: '/2015-03-31/functions' })).rejects.toMatchObject(
    { code: 'UNAVAILABLE' },
  )
})
