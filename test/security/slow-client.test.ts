import { readdir } from 'node:fs/promises'
import { join } from 'node:path'

import { expect, it } from 'vitest'

import { Admission, admissionLimits } from '../../services/http/index.ts'
import { adminKeys, openEdge } from '../support/edge.ts'
import { RawConnection, listen, statusOf } from '../support/raw-http.ts'
import { signWithSmithy } from '../support/signers.ts'

const handlers = { CreateFunction: async () => ({ status: 201, body: {} }) }

async function signedHead(contentLength: number): Promise<string> {
  const signed = await signWithSmithy(adminKeys, { path: '/2015-03-31/functions', body: '{}' })
  const headers = Object.entries(signed.headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return `POST ${signed.url} HTTP/1.1\r\n${headers.join('')}content-length: ${contentLength}\r\n\r\n`
}

it('answers 408 to a body that stops coming, keeps nothing of it and lets the connection go', async () => {
  await using edge = await openEdge({ handlers, config: { bodyIdleMs: 100 } })
  const port = await listen(edge.app)
  const connection = new RawConnection(port)

  connection.write(await signedHead(1_000_000))
  connection.write('{'.padEnd(300_000))
  const answer = await connection.end()

  expect(statusOf(answer)).toBe(408)
  expect(answer).toContain('RequestTimeoutException')
  expect(await readdir(join(edge.dataDir, 'blobs/temporary'))).toEqual([])
})

it('lets go of a client that never ends its headers', async () => {
  await using edge = await openEdge({
    handlers,
    config: { headersTimeoutMs: 200, requestTimeoutMs: 5_000 },
  })
  const port = await listen(edge.app)
  const connection = new RawConnection(port)

  connection.write('POST / HTTP/1.1\r\nhost: x\r\nx-a: ')
  const answer = await connection.end()

  expect(statusOf(answer)).toBe(408)
})

it('bounds a whole request, however steadily a client trickles', async () => {
  await using edge = await openEdge({
    handlers,
    config: { requestTimeoutMs: 1_000, headersTimeoutMs: 500 },
  })
  const port = await listen(edge.app)
  const connection = new RawConnection(port)
  connection.write(await signedHead(1_000_000))
  const trickle = setInterval(() => connection.write('x'), 50)

  await connection.end()
  clearInterval(trickle)

  expect(await readdir(join(edge.dataDir, 'blobs/temporary'))).toEqual([])
})

it('keeps nothing of a client that goes away in the middle', async () => {
  await using edge = await openEdge({ handlers })
  const port = await listen(edge.app)
  const connection = new RawConnection(port)
  connection.write(await signedHead(1_000_000))
  connection.write('{'.padEnd(400_000))
  const temporary = join(edge.dataDir, 'blobs/temporary')
  while ((await readdir(temporary)).length === 0) await new Promise(setImmediate)

  connection.socket.destroy()
  while ((await readdir(temporary)).length > 0) await new Promise(setImmediate)

  const health = await edge.app.inject({ method: 'GET', url: '/healthz' })
  expect(health.statusCode).toBe(200)
  expect(edge.log.filter((line) => line.level === 'error')).toEqual([])
})

it('refuses connections beyond its limit and serves those it has', async () => {
  await using edge = await openEdge({ handlers, config: { maxConnections: 3 } })
  const port = await listen(edge.app)
  const held = Array.from({ length: 3 }, () => new RawConnection(port))
  for (const connection of held) {
    connection.write('GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n')
    await connection.until(/ok"\}/)
  }

  const refused = await new RawConnection(port).end()
  held[0]?.write('GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
  const answer = (await held[0]?.end()) ?? ''
  for (const connection of held) connection.socket.destroy()

  expect(refused).toBe('')
  expect(answer.match(/HTTP\/1\.1 200/g)).toHaveLength(2)
})

it('lets others in while a body comes slowly, and takes it up once it is there', async () => {
  const limits = admissionLimits(1)
  const admission = new Admission({ ...limits, write: { atOnce: 1, queued: 1, waitMs: 60_000 } })
  await using edge = await openEdge({ handlers, admission })
  const port = await listen(edge.app)
  const slow = new RawConnection(port)
  slow.write(await signedHead(2))
  slow.write('{')

  // The slow one has the only place: whoever comes next waits until it gives it up.
  const other = new RawConnection(port)
  const signed = await signWithSmithy(adminKeys, { body: '{"FunctionName":"other"}' })
  const headers = Object.entries(signed.headers).map(([name, value]) => `${name}: ${value}\r\n`)
  other.write(
    `POST ${signed.url} HTTP/1.1\r\n${headers.join('')}content-length: 24\r\nconnection: close\r\n\r\n{"FunctionName":"other"}`,
  )
  const answer = await other.end()
  slow.write('}')
  const late = await slow.until(/\r\n\r\n/)
  slow.socket.destroy()

  expect(statusOf(answer)).toBe(201)
  expect(statusOf(late)).toBe(201)
})
