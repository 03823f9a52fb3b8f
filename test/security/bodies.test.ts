import { createHash, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import type { LambdaRequest } from '../../services/http/index.ts'
import { adminKeys, openEdge, type TestEdge } from '../support/edge.ts'
import { RawConnection, listen, rawExchange, statusOf } from '../support/raw-http.ts'
import { signWithSmithy, type Ask } from '../support/signers.ts'

const worker = new URL('../../dist/services/http/lambda/body-worker.js', import.meta.url)
const built = existsSync(worker)

interface Taken {
  readonly json: LambdaRequest['json']
  readonly zip: string | undefined
}

/** An edge whose one operation says what it was given. */
async function capturing(
  options: Parameters<typeof openEdge>[0] = {},
): Promise<{ edge: TestEdge; taken: Taken[] }> {
  const taken: Taken[] = []
  const take = async (request: LambdaRequest) => {
    const bytes = request.zip === undefined ? undefined : await readFile(request.zip.path)
    taken.push({
      json: request.json,
      zip: bytes && createHash('sha256').update(bytes).digest('hex'),
    })
    return { status: 200, body: {} }
  }
  const edge = await openEdge({
    handlers: {
      CreateFunction: take,
      UpdateFunctionCode: take,
      PublishLayerVersion: take,
      CreateAlias: take,
    },
    invoke: async (request) => ({ status: 200, headers: {}, payload: request.payload }),
    ...options,
  })
  return { edge, taken }
}

async function send(port: number, ask: Ask, chunked = false) {
  const signed = await signWithSmithy(adminKeys, ask)
  return await new Promise<{ status: number; body: string; type: unknown }>((resolve, reject) => {
    const request = httpRequest(
      {
        port,
        host: '127.0.0.1',
        method: signed.method,
        path: signed.url,
        headers: {
          ...signed.headers,
          ...(chunked ? {} : { 'content-length': Buffer.byteLength(signed.body) }),
        },
        agent: false,
      },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            body: Buffer.concat(chunks).toString(),
            type: response.headers['x-amzn-errortype'],
          }),
        )
      },
    )
    request.on('error', reject)
    request.end(signed.body)
  })
}

const leftovers = async (edge: TestEdge): Promise<string[]> =>
  await readdir(join(edge.dataDir, 'blobs/temporary'))
const sha = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

describe('a zip in a request', () => {
  it.each([
    [
      'CreateFunction',
      'POST',
      '/2015-03-31/functions',
      (zip: string) => ({ FunctionName: 'f', Code: { ZipFile: zip } }),
    ],
    [
      'UpdateFunctionCode',
      'PUT',
      '/2015-03-31/functions/f/code',
      (zip: string) => ({ Publish: true, ZipFile: zip }),
    ],
    [
      'PublishLayerVersion',
      'POST',
      '/2018-10-31/layers/l/versions',
      (zip: string) => ({ Content: { ZipFile: zip } }),
    ],
  ])(
    'of %s reaches the operation as a file, the rest as JSON, and is gone afterwards',
    async (_name, method, path, body) => {
      const { edge, taken } = await capturing()
      await using _edge = edge
      const port = await listen(edge.app)
      const zip = randomBytes(1_000)

      const answer = await send(port, {
        method,
        path,
        body: JSON.stringify(body(zip.toString('base64'))),
      })

      expect(answer.status).toBe(200)
      expect(taken[0]?.zip).toBe(sha(zip))
      expect(JSON.stringify(taken[0]?.json)).not.toContain('ZipFile')
      expect(await leftovers(edge)).toEqual([])
    },
  )

  it.skipIf(!built)(
    'of 20 MB is decoded in a worker, and other requests are answered meanwhile',
    async () => {
      const { edge, taken } = await capturing()
      await using _edge = edge
      const port = await listen(edge.app)
      const zip = randomBytes(20_000_000)
      const body = JSON.stringify({ FunctionName: 'f', Code: { ZipFile: zip.toString('base64') } })

      const big = send(port, { path: '/2015-03-31/functions', body })
      const small = await send(port, {
        path: '/2015-03-31/functions/f/invocations',
        body: '{"a":1}',
      })
      const answer = await big

      expect(small.status).toBe(200)
      expect(answer).toMatchObject({ status: 200 })
      expect(taken[0]?.zip).toBe(sha(zip))
      expect(taken[0]?.json).toEqual({ FunctionName: 'f', Code: {} })
      expect(await leftovers(edge)).toEqual([])
    },
  )

  it.skipIf(!built)('that is large and hostile is a 400 as a small one is', async () => {
    const { edge, taken } = await capturing()
    await using _edge = edge
    const port = await listen(edge.app)
    const bodies = [
      `{"Code":{"ZipFile":"${'*'.repeat(400_000)}"}}`,
      `{"Code":{"ZipFile":"${'A'.repeat(400_000)}"`,
      '['.repeat(400_000),
      `{"Code":{"ZipFile":"${'A'.repeat(400_000)}","ZipFile":"AAAA"}}`,
      `{"Code":{"ZipFile":[1,"${'A'.repeat(400_000)}"]}}`,
    ]
    for (const body of bodies) {
      const answer = await send(port, { path: '/2015-03-31/functions', body })
      expect(answer.status).toBe(400)
    }
    expect(taken).toEqual([])
    expect(await leftovers(edge)).toEqual([])
  })
})

describe('sizes', () => {
  it('above the limit of an operation are refused in the words of AWS, by length and by count', async () => {
    const { edge, taken } = await capturing()
    await using _edge = edge
    const port = await listen(edge.app)
    const path = '/2015-03-31/functions/f/aliases'
    const body = `{"a":"${'x'.repeat(1_100_000)}"}`

    const declared = await send(port, { path, body })
    const chunked = await send(port, { path, body }, true)

    for (const answer of [declared, chunked]) {
      expect(answer).toMatchObject({ status: 413, type: 'RequestEntityTooLargeException' })
      expect(answer.body).toContain(
        'Request must be smaller than 1048576 bytes for the CreateAlias operation',
      )
    }
    expect(taken).toEqual([])
    expect(await leftovers(edge)).toEqual([])
  })

  it('of a payload above 6 MiB and 100 bytes are RequestTooLargeException, and one below is not', async () => {
    const { edge } = await capturing()
    await using _edge = edge
    const port = await listen(edge.app)
    const path = '/2015-03-31/functions/f/invocations'

    const over = await send(port, { path, body: `"${'x'.repeat(6_291_555)}"` })
    const under = await send(port, { path, body: `"${'x'.repeat(6_291_554)}"` })

    expect(over).toMatchObject({ status: 413, type: 'RequestTooLargeException' })
    expect(under.status).toBe(200)
    expect(under.body.length).toBe(6_291_556)
  })

  it('are refused for CreateFunction as AWS recorded it, before anything is sent', async () => {
    const { edge } = await capturing()
    await using _edge = edge
    const port = await listen(edge.app)
    const signed = await signWithSmithy(adminKeys, { path: '/2015-03-31/functions', body: '{}' })
    const headers = Object.entries(signed.headers).map(([name, value]) => `${name}: ${value}\r\n`)
    const connection = new RawConnection(port)

    connection.write(
      `POST ${signed.url} HTTP/1.1\r\n${headers.join('')}content-length: 70167212\r\n\r\n`,
    )
    const answer = await connection.until(/operation"\}/)
    connection.socket.destroy()

    expect(statusOf(answer)).toBe(413)
    expect(answer).toContain(
      'Request must be smaller than 70167211 bytes for the CreateFunction operation',
    )
  })

  it('beyond what all requests together may hold are 429 with when to come again', async () => {
    const { edge } = await capturing({ intakeLimits: { memoryBytes: 1_000, spools: 0 } })
    await using _edge = edge
    const port = await listen(edge.app)

    const invoke = await send(port, {
      path: '/2015-03-31/functions/f/invocations',
      body: `"${'x'.repeat(2_000)}"`,
    })
    const create = await send(port, {
      path: '/2015-03-31/functions',
      body: `{"a":"${'x'.repeat(2_000)}"}`,
    })
    const small = await send(port, { path: '/2015-03-31/functions/f/invocations', body: '1' })

    expect(invoke).toMatchObject({ status: 429, type: 'TooManyRequestsException' })
    expect(create).toMatchObject({ status: 429, type: 'TooManyRequestsException' })
    expect(small.status).toBe(200)
  })
})

describe('body hashes', () => {
  it('are compared for chunked bodies and for bodies without a named hash', async () => {
    const { edge, taken } = await capturing()
    await using _edge = edge
    const port = await listen(edge.app)
    const ask = { path: '/2015-03-31/functions', body: '{"FunctionName":"f"}' }

    expect((await send(port, ask, true)).status).toBe(200)
    const signed = await signWithSmithy(adminKeys, ask)
    const headers = Object.entries(signed.headers).map(([name, value]) => `${name}: ${value}\r\n`)
    const tampered = `POST ${signed.url} HTTP/1.1\r\n${headers.join('')}transfer-encoding: chunked\r\nconnection: close\r\n\r\n14\r\n{"FunctionName":"g"}\r\n0\r\n\r\n`

    expect(statusOf(await rawExchange(port, tampered))).toBe(403)
    expect(taken).toHaveLength(1)
  })

  it('of a request without a body are those of nothing', async () => {
    const { edge, taken } = await capturing()
    await using _edge = edge
    const port = await listen(edge.app)
    const signed = await signWithSmithy(adminKeys, {
      path: '/2015-03-31/functions',
      body: '{"FunctionName":"f"}',
    })
    const headers = Object.entries(signed.headers).map(([name, value]) => `${name}: ${value}\r\n`)

    const answer = await rawExchange(
      port,
      `POST ${signed.url} HTTP/1.1\r\n${headers.join('')}connection: close\r\n\r\n`,
    )

    expect(statusOf(answer)).toBe(403)
    expect(taken).toEqual([])
  })
})

describe('payloads of invocations', () => {
  it.each<[string, string | Uint8Array, number]>([
    ['nothing', '', 200],
    ['JSON', '{"a":[1,2]}', 200],
    ['a bare number', '1', 200],
    ['equal names, which are the function’s affair', '{"a":1,"a":2}', 200],
    ['no JSON', '{a}', 400],
    ['a byte order mark', '\ufeff{}', 400],
    ['what is not UTF-8', Uint8Array.of(0x22, 0x87, 0x22), 400],
    ['100,000 arrays that do not end', '['.repeat(100_000), 400],
  ])('%s', async (_name, body, status) => {
    const { edge } = await capturing()
    await using _edge = edge

    const answer = await edge.ask({ path: '/2015-03-31/functions/f/invocations', body })

    expect(answer.status).toBe(status)
    if (status === 400) {
      expect(answer.headers['x-amzn-errortype']).toBe('InvalidRequestContentException')
      expect(answer.body).toContain(
        'Could not parse request body into json: Could not parse payload into json:',
      )
    }
  })
})
