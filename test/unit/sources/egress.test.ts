import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'

import { afterAll, beforeAll, expect, test } from 'vitest'

import { addressRules, Dialer, egressRules } from '../../../services/sources/index.ts'

const none = (): string[] => []
const LISTED = ['0.0.0.0/0', '::/0']

test.each([
  ['loopback', '127.0.0.1'],
  ['all of loopback', '127.9.9.9'],
  ['loopback of version 6', '::1'],
  ['loopback written as version 6', '::ffff:127.0.0.1'],
  ['link-local, and the metadata of clouds', '169.254.169.254'],
  ['the same written as version 6', '::ffff:a9fe:a9fe'],
  ['link-local of version 6', 'fe80::1'],
  ['link-local with its zone', 'fe80::1%eth0'],
  ['metadata over version 6', 'fd00:ec2::254'],
  ['metadata of another cloud', '100.100.100.200'],
  ['the wire server of Azure', '168.63.129.16'],
  ['the address of nothing', '0.0.0.0'],
  ['multicast', '224.0.0.1'],
  ['what translates to version 4', '64:ff9b::7f00:1'],
  ['no address', 'localhost'],
])('%s is never connected to, whatever is listed', (_what, address) => {
  expect(egressRules(LISTED, none).allows(address)).toBe(false)
})

test('networks inside are connected to where they are listed, and only there', () => {
  const addresses = ['10.1.2.3', '10.2.2.3', '192.168.1.1', 'fd12::1', '8.8.8.8', '2600::1']
  const allowed = (listed: string[]) =>
    addresses.filter((address) => egressRules(listed, none).allows(address))

  expect(allowed([])).toEqual(['8.8.8.8', '2600::1'])
  expect(allowed(['10.1.0.0/16', 'fd12::/16'])).toEqual([
    '10.1.2.3',
    'fd12::1',
    '8.8.8.8',
    '2600::1',
  ])
})

test('addresses of this machine itself are never connected to', () => {
  const rules = egressRules(LISTED, () => ['10.1.2.3', 'fd12::1'])
  const own = ['10.1.2.3', '::ffff:10.1.2.3', 'fd12:0:0::1']

  expect(own.filter((address) => rules.allows(address))).toEqual([])
  expect(rules.allows('10.1.2.4')).toBe(true)
})

test('a network that is none is refused at once', () => {
  expect(() => egressRules(['10.0.0.0/33'])).toThrow(
    expect.objectContaining({ code: 'CONFIGURATION' }),
  )
})

// The dialer itself, with rules that let it connect to this very process.
const server = createServer((socket) => socket.on('error', () => undefined).end('here'))
let port = 0
beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  port = (server.address() as AddressInfo).port
})
afterAll(() => void server.close())

type Look = NonNullable<ConstructorParameters<typeof Dialer>[1]>
const rules = addressRules(['127.0.0.1'])
const soon = () => AbortSignal.timeout(5_000)
/** Answers from a table, and counts. */
function names(table: Readonly<Record<string, readonly string[]>>): {
  look: Look
  asked: string[]
} {
  const asked: string[] = []
  const look = (
    host: string,
    _options: object,
    answer: (error: unknown, found: object[]) => void,
  ) => {
    asked.push(host)
    const found = (table[host] ?? []).map((address) => ({ address, family: 4 }))
    answer(found.length > 0 ? null : Object.assign(new Error(host), { code: 'ENOTFOUND' }), found)
  }
  return { look: look as unknown as Look, asked }
}

test('connects to the address that was checked, and looks the name up once', async () => {
  const { look, asked } = names({ 'api.example.com': ['127.0.0.1'] })

  const dialed = await new Dialer(rules, look).dial('api.example.com', port, soon())

  expect(dialed.kind).toBe('connected')
  if (dialed.kind !== 'connected') return
  let text = ''
  dialed.socket.on('data', (chunk: Buffer) => (text += String(chunk))).resume()
  await once(dialed.socket, 'close')
  expect([text, asked]).toEqual(['here', ['api.example.com']])
})

test('a name is refused for one address of it that is not allowed', async () => {
  const { look } = names({ 'api.example.com': ['127.0.0.1', '169.254.169.254'] })

  const dialed = await new Dialer(rules, look).dial('api.example.com', port, soon())

  expect(dialed).toEqual({ kind: 'forbidden', address: '169.254.169.254' })
})

test('says what failed: the name, the connection, its time', async () => {
  const dialer = new Dialer(rules, names({ shut: ['127.0.0.1'] }).look)
  const why = async (host: string, at: number, signal = soon()) => {
    const dialed = await dialer.dial(host, at, signal)
    return dialed.kind === 'failed' ? dialed.why : dialed.kind
  }

  expect(await why('127.0.0.1', port)).toBe('it is an address, not a name')
  expect(await why('nowhere', port)).toBe('its name has no address (ENOTFOUND)')
  expect(await why('shut', 1)).toBe('no connection (ECONNREFUSED)')
  expect(await why('shut', port, AbortSignal.abort())).toBe('its name was not looked up in time')
})

test('two names are looked up at a time; others wait for their turn, and no longer than they may', async () => {
  const pending: (() => void)[] = []
  const look = ((
    _host: string,
    _options: object,
    answer: (error: null, found: object[]) => void,
  ) => {
    pending.push(() => answer(null, [{ address: '127.0.0.1', family: 4 }]))
  }) as unknown as Look
  const dialer = new Dialer(rules, look)
  const impatient = new AbortController()
  const first = ['a', 'b'].map((host) => dialer.dial(host, port, soon()))
  const gone = dialer.dial('c', port, impatient.signal)
  const last = dialer.dial('d', port, soon())
  await new Promise((resolve) => setImmediate(resolve))

  expect(pending).toHaveLength(2)
  impatient.abort()
  expect(await gone).toMatchObject({ kind: 'failed' })
  for (let done = 0; done < 3; done += 1) {
    pending.shift()?.()
    await new Promise((resolve) => setImmediate(resolve))
  }
  for (const dialed of await Promise.all([...first, last])) {
    expect(dialed.kind).toBe('connected')
    if (dialed.kind === 'connected') dialed.socket.destroy()
  }
  expect(pending).toHaveLength(0)
})
