import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

import { afterAll, beforeAll, expect, test } from 'vitest'

import { addressRules, fetchDocument } from '../../../services/sources/index.ts'

let server: Server
let base = ''
const handlers: Record<string, RequestListener> = {
  '/good': (_request, response) => void response.end('hello'),
  '/moved': (_request, response) => void response.writeHead(302, { location: '/good' }).end(),
  '/large': (_request, response) => void response.end('x'.repeat(101)),
  '/slow': (_request, response) => void response.write('x'),
  '/short': (_request, response) => {
    response.writeHead(200, { 'content-length': '10' })
    response.write('x', () => response.destroy())
  },
}

beforeAll(async () => {
  server = createServer((request, response) => handlers[request.url ?? '']?.(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `:${(server.address() as AddressInfo).port}`
})
afterAll(() => void (server.closeAllConnections(), server.close()))

const listed = addressRules(['127.0.0.0/8'])
const get = (path: string, host = '127.0.0.1', rules = listed) =>
  fetchDocument(
    { url: `http://${host}${base}${path}`, maxBytes: 100, timeoutMs: 500, accept: '*/*' },
    rules,
  )

test('fetches a document from an address inside that is listed, by number and by name', async () => {
  expect(Buffer.from(await get('/good')).toString()).toBe('hello')
  expect(
    Buffer.from(await get('/good', 'localhost', addressRules(['127.0.0.1', '::1']))).toString(),
  ).toBe('hello')
})

test.each([
  ['follow a redirect', '/moved', /302/],
  ['take more than its cap', '/large', /larger than 100/],
  ['wait longer than its cap', '/slow', /too long/],
  ['take an answer that is cut short', '/short', /cannot be fetched/],
])('does not %s', async (_title, path, message) => {
  await expect(get(path)).rejects.toThrow(message)
})

test('does not connect to an address inside that is not listed, however the host is written', async () => {
  const none = addressRules([])
  for (const host of ['127.0.0.1', 'localhost', '[::ffff:127.0.0.1]', '2130706433', '0x7f.1'])
    await expect(get('/good', host, none)).rejects.toThrow(/not one that the configuration allows/)
})

test.each([
  ['127.0.0.1', false],
  ['10.1.2.3', false],
  ['169.254.169.254', false],
  ['192.168.0.1', false],
  ['100.64.0.1', false],
  ['0.0.0.0', false],
  ['224.0.0.1', false],
  ['::1', false],
  ['fe80::1%eth0', false],
  ['fd00::1', false],
  ['::ffff:10.0.0.1', false],
  ['64:ff9b::7f00:1', false],
  ['not an address', false],
  ['93.184.216.34', true],
  ['2606:2800:220:1::1', true],
])('without a list %s may be reached: %s', (address, allowed) => {
  expect(addressRules([]).allows(address)).toBe(allowed)
})

test('refuses a list that holds no networks', () => {
  for (const text of ['10.0.0.0/33', 'example.org', '10.0.0.0/8/8', '10.0.0.0/x', ''])
    expect(() => addressRules([text])).toThrow(expect.objectContaining({ code: 'CONFIGURATION' }))
})
