import { createServer, type Server } from 'node:http'
import {
  createServer as createRawServer,
  type AddressInfo,
  type Server as RawServer,
} from 'node:net'

import { afterAll, beforeAll, expect, test } from 'vitest'

import {
  addressRules,
  askByPost,
  fetchDocument,
  postDocument,
  postForAnswer,
} from '../../../services/sources/index.ts'

let server: Server
let base = ''
const got: { readonly url: string; readonly type: string | undefined; readonly body: string }[] = []

beforeAll(async () => {
  server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (text: string) => (body += text))
    request.on('end', () => {
      got.push({ url: request.url ?? '', type: request.headers['content-type'], body })
      if (request.url === '/slow') return
      const status = Number(request.url?.slice(1))
      response.writeHead(status, status === 302 ? { location: '/200' } : {}).end('an answer')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `:${(server.address() as AddressInfo).port}`
})
afterAll(() => void (server.closeAllConnections(), server.close()))

const post = (path: string, host = '127.0.0.1', listed = ['127.0.0.0/8', '::1']) =>
  postDocument(
    {
      url: `http://${host}${base}${path}`,
      body: '{"é":1}',
      headers: { 'content-type': 'application/json' },
      timeoutMs: 500,
    },
    addressRules(listed),
  )

test.each(['/200', '/202', '/204'])(
  'hands the document over and takes %s for yes',
  async (path) => {
    await post(path)

    expect(got.at(-1)).toEqual({ url: path, type: 'application/json', body: '{"é":1}' })
  },
)

test.each([
  ['/302', /the answer is 302/],
  ['/400', /the answer is 400/],
  ['/503', /the answer is 503/],
  ['/slow', /it took too long/],
])('takes %s for no, and follows nothing', async (path, message) => {
  const before = got.length

  await expect(post(path)).rejects.toThrow(message)

  expect(got.slice(before).map(({ url }) => url)).toEqual([path])
})

test('does not connect to an address inside that is not listed, however the host is written', async () => {
  const before = got.length

  for (const host of ['127.0.0.1', 'localhost', '[::ffff:127.0.0.1]', '2130706433'])
    await expect(post('/200', host, [])).rejects.toThrow(/not one that the configuration allows/)

  expect(got).toHaveLength(before)
})

/** Says these bytes to whoever asks, and no more. */
async function saying(text: string, ends: boolean): Promise<RawServer & AsyncDisposable> {
  const raw = createRawServer((socket) => {
    socket
      .on('error', () => undefined)
      .once('data', () => (ends ? socket.end(text) : socket.write(text)))
  })
  await new Promise<void>((resolve) => raw.listen(0, '127.0.0.1', resolve))
  return raw as RawServer & AsyncDisposable
}

const SWITCHED = 'HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: x\r\n\r\n'

test.each([
  ['101, and another protocol', SWITCHED, false],
  ['101, and another protocol, and leaves', SWITCHED, true],
  ['101 alone, and leaves', 'HTTP/1.1 101 Switching Protocols\r\n\r\n', true],
  ['nothing, and leaves', '', true],
  ['half a head, and leaves', 'HTTP/1.1 200', true],
])('comes to an end where the other side says %s', async (_, text, ends) => {
  await using raw = await saying(text, ends)
  const url = `http://127.0.0.1:${(raw.address() as AddressInfo).port}/`
  const asked = {
    url,
    body: 'x',
    headers: {},
    timeoutMs: 2_000,
    maxBytes: 100,
    accept: 'text/plain',
  }
  const rules = addressRules(['127.0.0.0/8'])

  for (const ask of [postDocument, postForAnswer, askByPost, fetchDocument])
    await expect(ask(asked, rules)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
})
