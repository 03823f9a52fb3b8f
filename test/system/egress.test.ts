import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { EGRESS_FUNCTION } from '../support/egress.ts'
import { eventually } from '../support/eventually.ts'
import { canHaveOwnNetwork, HOST_ADDRESS, OwnNetwork } from '../support/own-network.ts'
import { zipOf, type Tree } from '../support/packages.ts'
import { canBubblewrap } from '../support/runtime.ts'

/**
 * The whole way: the command line sets a list, the gate decides, a sandboxed function asks the proxy, the service looks the
 * name up as the system does and connects over a real network, at whose other end is another host.
 */
const ready = canBubblewrap && canHaveOwnNetwork
const LIST = ['api', 'loop', 'meta', 'own', 'inside', 'mixed', 'nowhere']
  .map((name) => `${name}.test.example:443`)
  .concat('*.files.test.example:8080')
const ON = ['--isolation', 'bubblewrap', '--egress', '--egress-network', '10.77.0.0/16']

interface Egress {
  readonly allow: readonly string[]
  readonly opened: boolean
}
interface Asked {
  readonly status?: number
  readonly text?: string
  readonly body?: string
}

let network: OwnNetwork
beforeAll(async () => {
  if (!ready) return
  network = new OwnNetwork({
    [HOST_ADDRESS]: ['api.test.example', 'a.files.test.example', 'other.test.example', 'mixed.test.example'],
    '127.0.0.1': ['loop.test.example', 'mixed.test.example'],
    '169.254.169.254': ['meta.test.example'],
    '10.77.1.1': ['own.test.example'],
    '10.88.1.2': ['inside.test.example'],
  })
  await network.start(ON)
  const zip = join(network.dir, 'caller.zip')
  writeFileSync(zip, zipOf(EGRESS_FUNCTION as Tree))
  const how = ['--runtime', 'nodejs20.x', '--handler', 'index.handler', '--timeout', '20', '--publish']
  network.lacre(['deploy', zip, '--function', 'caller', ...how])
}) // prettier-ignore
afterAll(() => network?.[Symbol.asyncDispose]())

const invoke = (event: unknown, qualifier = '$LATEST'): Asked =>
  network.lacre<{ readonly payload: Asked }>([
    'invoke',
    `caller:${qualifier}`,
    '--payload',
    JSON.stringify(event),
  ]).payload
const allow = (...args: string[]): unknown => network.lacre(['stage', 'egress', 'caller', ...args])
const toApi = { target: 'api.test.example:443', tls: true }
/** A new list is served once it is prepared. */
const served = async (status: number | undefined): Promise<void> =>
  await eventually(() => tried(toApi)?.status).toBe(status)
function tried(event: unknown): Asked | undefined {
  try {
    return invoke(event)
  } catch {
    return undefined
  }
}

describe.skipIf(!ready)('a function', () => {
  test('is let out to nothing before it has a list', () => {
    expect(network.lacre<Egress>(['stage', 'egress', 'caller'])).toMatchObject({ allow: [], opened: true })
    expect(invoke({})).toEqual({})
    expect(invoke({ direct: ['127.0.0.1', 9002] })).toBe('ECONNREFUSED')
    expect(invoke({ direct: [HOST_ADDRESS, 443] })).toBe('ENETUNREACH')
  }) // prettier-ignore

  test('reaches a TLS server and a plain one of its list, by their names', async () => {
    allow('--allow', ...LIST)
    await served(200)

    expect(invoke(toApi)).toMatchObject({ status: 200, text: 'by TLS' })
    const plain = { target: 'a.files.test.example:8080' }
    expect(invoke(plain)).toMatchObject({ status: 200, text: expect.stringContaining('in plain') as string })
  }) // prettier-ignore

  test.each([
    ['a host that is not on its list', 'other.test.example:443', 403, 'not on the list'],
    ['another port of one that is', 'api.test.example:8080', 403, 'not on the list'],
    ['an address', `${HOST_ADDRESS}:443`, 403, 'never by an address'],
    ['a name that leads to loopback', 'loop.test.example:443', 403, 'not connected to here'],
    ['a name that leads to metadata', 'meta.test.example:443', 403, 'not connected to here'],
    ['a name that leads to the service itself', 'own.test.example:443', 403, 'not connected to here'],
    ['a name that leads to loopback too', 'mixed.test.example:443', 403, 'not connected to here'],
    ['a name inside that the operator did not list', 'inside.test.example:443', 403, 'not connected to here'],
    ['a name that leads nowhere', 'nowhere.test.example:443', 502, 'no address'],
  ])('is not let out to %s', (_what, target, status, sentence) => {
    const answer = invoke({ target })

    expect(answer).toMatchObject({ status, body: expect.stringContaining(sentence) as string })
  }) // prettier-ignore

  test('reaches nothing past its proxy, with a list as without', () => {
    expect(invoke({ direct: [HOST_ADDRESS, 443] })).toBe('ENETUNREACH')
    expect(invoke({ direct: ['10.77.1.1', 443] })).toBe('ENETUNREACH')
    expect(invoke({ name: 'api.test.example' })).toMatch(/EAI_AGAIN|ENOTFOUND/)
  })

  test('finds every refusal in its log', async () => {
    const logs = () => network.lacreText(['logs', 'caller'])

    await eventually(logs).toContain('[lacre] egress to "other.test.example:443" refused: ')
    await eventually(logs).toMatch(/egress to "meta\.test\.example:443" refused: .* \(169\.254\.169\.254\)/)
  }) // prettier-ignore

  test('keeps its list in a version; $LATEST goes on with another', async () => {
    network.lacre(['deploy', join(network.dir, 'caller.zip'), '--function', 'caller', '--publish'])
    allow('--none')
    await served(undefined)

    expect(invoke(toApi, '2')).toMatchObject({ status: 200, text: 'by TLS' })
    expect(invoke({ direct: ['127.0.0.1', 9002] }, '1')).toBe('ECONNREFUSED')
    const of = (version: string) =>
      network.lacre<Egress>(['stage', 'egress', 'caller', '--of', version]).allow
    expect([of('1'), of('2'), of('$LATEST')]).toEqual([[], LIST.toSorted(), []])
  })

  test('is let out to nothing by a service without --egress, which keeps the list and says so', async () => {
    await network.start(ON.slice(0, 2))

    const shown = network.lacre<Egress>(['stage', 'egress', 'caller', '--of', '2'])
    expect(shown).toMatchObject({ allow: LIST.toSorted(), opened: false })
    expect(invoke({}, '2')).toEqual({})
    expect(invoke({ direct: ['127.0.0.1', 9002] }, '2')).toBe('ECONNREFUSED')
    const logs = () => network.lacreText(['logs', 'caller'])
    await eventually(logs).toContain('the list of the function is not opened')
  })
})

test.skipIf(!ready)('networks without --egress are refused at the start', async () => {
  await using apart = new OwnNetwork({})
  await expect(apart.start(ON.slice(3))).rejects.toThrow('--egress-network says nothing without --egress')
}) // prettier-ignore
