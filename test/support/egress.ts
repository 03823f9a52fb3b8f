import type { Files } from './runtime.ts'

/**
 * A function that asks its egress proxy, and tells what came of it: `{ target, tls?, path?, hold?, send? }`, or
 * `{ direct: [host, port] }` past the proxy, or `{ raw }` for bytes to the proxy, or `{ plain: url, bytes }` for a request that is
 * no tunnel, or nothing for its variables.
 */
export const EGRESS_FUNCTION: Files = {
  'index.js': `
const http = require('node:http'), net = require('node:net'), tls = require('node:tls'), dns = require('node:dns')
const PORT = 9002
const held = (globalThis.held ??= [])
const direct = ([host, port]) => new Promise((resolve) => {
  const socket = net.connect({ host, port, timeout: 2000 })
  socket.on('connect', () => { socket.destroy(); resolve('connected') })
  socket.on('timeout', () => { socket.destroy(); resolve('timeout') })
  socket.on('error', (error) => resolve(error.code))
})
const tunnel = (path) => new Promise((resolve, reject) => {
  const request = http.request({ host: '127.0.0.1', port: PORT, method: 'CONNECT', path, agent: false })
  request.on('connect', (response, socket, head) => {
    if (response.statusCode === 200) return resolve({ status: 200, socket })
    let body = head.toString()
    socket.on('data', (chunk) => (body += chunk)).on('end', () => resolve({ status: response.statusCode, body }))
  })
  request.on('error', reject).end()
})
const get = (socket, path) => new Promise((resolve, reject) => {
  let length = 0, text = ''
  socket.on('data', (chunk) => { length += chunk.length; if (text.length < 1000) text += chunk.toString('latin1') })
  socket.on('close', () => resolve({ length, text: text.split('\\r\\n\\r\\n')[1] }))
  socket.on('error', reject)
  socket.write('GET ' + path + ' HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n')
})
const raw = (text) => new Promise((resolve) => {
  let answer = ''
  const socket = net.connect(PORT, '127.0.0.1', () => socket.write(text))
  socket.on('data', (chunk) => (answer += chunk)).on('error', () => {}).on('close', () => resolve(answer))
})
const plain = (path, bytes) => new Promise((resolve, reject) => {
  const request = http.request({ host: '127.0.0.1', port: PORT, method: 'PUT', path, agent: false })
  request.on('error', reject).on('response', (response) => {
    let length = 0, text = ''
    response.on('data', (chunk) => { length += chunk.length; if (text.length < 1000) text += chunk.toString('latin1') })
    response.on('end', () => resolve({ status: response.statusCode, length, text })).on('error', reject)
  })
  for (let sent = 0; sent < bytes; sent += 50_000) request.write(Buffer.alloc(50_000, 'y'))
  request.end()
})
exports.handler = async (event) => {
  if (event.plain) return await plain(event.plain, event.bytes)
  if (event.direct) return await direct(event.direct)
  if (event.name) return await dns.promises.lookup(event.name).then(({ address }) => address, ({ code }) => code)
  if (event.raw) return await raw(event.raw)
  if (event.many) {
    const found = await Promise.all(Array.from({ length: event.many }, () => tunnel(event.target)))
    const statuses = found.map(({ status }) => status)
    for (const { socket } of found) socket?.destroy()
    return { open: statuses.filter((status) => status === 200).length, body: found.find(({ body }) => body)?.body }
  }
  if (!event.target)
    return Object.fromEntries(Object.entries(process.env).filter(([name]) => /proxy/i.test(name)))
  const { status, body, socket } = await tunnel(event.target)
  if (status !== 200) return { status, body }
  if (event.hold) { held.push(socket); return { status, held: held.length } }
  const inner = event.tls ? tls.connect({ socket, servername: 'x.test', rejectUnauthorized: false }) : socket
  return { status, ...(await get(inner, event.path ?? '/')) }
}
`,
}
