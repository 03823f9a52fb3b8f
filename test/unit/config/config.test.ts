import { chmodSync } from 'node:fs'

import { expect, test } from 'vitest'

import { readConfig } from '../../../services/config.ts'
import { tempDir } from '../../support/state.ts'

test('nothing but the data directory has to be given', () => {
  expect(readConfig({ data: 'd' }, {})).toMatchObject({
    host: '127.0.0.1',
    tls: undefined,
    place: { account: '000000000000', region: 'us-east-1' },
    isolation: 'auto',
  })
})

test.each(['nonsense', '127.0.0.1', '127.0.0.1:99999', ':80', '127.0.0.1:-1'])(
  '%j is no address to listen on',
  (listen) => {
    expect(() => readConfig({ data: 'd', listen }, {})).toThrow(/not HOST:PORT/)
  },
)

test('the master key is taken out of the environment', () => {
  const env = { LACRE_MASTER_KEY: 'abc' }

  const config = readConfig({ data: 'd' }, env)

  expect(config.masterKey).toEqual({ from: 'environment', base64: 'abc' })
  expect(env).not.toHaveProperty('LACRE_MASTER_KEY')
})

test('a certificate without its key is refused', () => {
  expect(() => readConfig({ data: 'd', tlsCert: 'c.pem' }, {})).toThrow(/go together/)
})

test('code storage and request rates are AWS’s and off unless they are set', () => {
  const plain = readConfig({ data: 'd' }, {})
  const set = readConfig({ data: 'd' }, { LACRE_CODE_STORAGE_BYTES: '1000', LACRE_API_RATES: 'on' })

  expect([plain.quotas.codeStorageBytes, plain.apiRates]).toEqual([undefined, false])
  expect([set.quotas.codeStorageBytes, set.apiRates]).toEqual([1000, true])
  for (const text of ['0', '-1', 'much', '1e9'])
    expect(() => readConfig({ data: 'd' }, { LACRE_CODE_STORAGE_BYTES: text })).toThrow(/bytes/)
})

test('one environment waits for its code unless told, none with 0, and nobody asks for more than a hundred', () => {
  const read = (prewarmed?: string): number => readConfig({ data: 'd', ...(prewarmed !== undefined && { prewarmed }) }, {}).prewarmed // prettier-ignore

  expect([read(), read('0'), read('100')]).toEqual([1, 0, 100])
  for (const text of ['101', '-1', '1.5', '', 'all'])
    expect(() => read(text)).toThrow(/--prewarmed/)
})

test('what is kept of logs and attempts is bounded as told, and by no less than two files', () => {
  const env = { LACRE_LOGS_BYTES: '8388608', LACRE_METERING_BYTES: '9000000' }

  expect(readConfig({ data: 'd' }, {}).kept).toEqual({})
  expect(readConfig({ data: 'd' }, env).kept).toEqual({
    logsBytes: 8_388_608,
    meteringBytes: 9_000_000,
  })
  for (const name of ['LACRE_LOGS_BYTES', 'LACRE_METERING_BYTES'])
    for (const text of ['8388607', '0', 'much', '1e9'])
      expect(() => readConfig({ data: 'd' }, { [name]: text })).toThrow(name)
})

test('the policy set stays what it was unless an option, or else the environment, names one', () => {
  const env = { LACRE_POLICY_SET: 'strict-production' }

  expect(readConfig({ data: 'd' }, {}).policySet).toBeUndefined()
  expect(readConfig({ data: 'd' }, env).policySet).toBe('strict-production')
  expect(readConfig({ data: 'd', policySet: 'default' }, env).policySet).toBe('default')
  expect(() => readConfig({ data: 'd' }, { LACRE_POLICY_SET: 'mine' })).toThrow(/policy set/)
})

test('function URLs answer on this machine beside the API unless they are told where, or off', () => {
  const urls = (options: object = {}, env: Record<string, string> = {}) =>
    readConfig({ data: 'd', ...options }, env).urls

  expect(urls()).toMatchObject({ host: '127.0.0.1', port: 9_773, elsewhere: true })
  expect(urls({ listen: '127.0.0.1:0' })).toMatchObject({ port: 0 })
  expect(urls({ listen: '127.0.0.1:8000' })).toMatchObject({ host: '127.0.0.1', port: 0 })
  expect(urls({ urlListen: '[::1]:81' })).toMatchObject({ host: '::1', port: 81, elsewhere: false })
  expect(urls({}, { LACRE_URL_LISTEN: 'off' })).toBeUndefined()
  expect(urls({ urlBase: 'https://on.aws' })).toMatchObject({ base: 'https://on.aws' })
  expect(() => urls({ urlListen: 'nonsense' })).toThrow(/not HOST:PORT/)
  for (const urlBase of ['on.aws', 'https://on.aws/x', 'ftp://on.aws'])
    expect(() => urls({ urlBase })).toThrow(/url-base/)
})

test('webhooks stand by the queue whose messages they take', () => {
  const arn = 'arn:aws:sqs:us-east-1:000000000000:q'
  const { eventWebhooks } = readConfig({ data: 'd', eventWebhook: [`${arn}=https://h/x?a=b`] }, {})

  expect([...eventWebhooks]).toEqual([[arn, 'https://h/x?a=b']])
})

test.each([['q'], ['q=ftp://h'], ['=https://h'], ['q=https://'], ['q=https://h', 'q=https://i']])(
  '%j are no webhooks',
  (...eventWebhook) => {
    expect(() => readConfig({ data: 'd', eventWebhook }, {})).toThrow(/is not ARN=URL/)
  },
)

test.each(['', '0', '-1', '1.5', 'x'])('%j is no scale of delays', (eventDelayScale) => {
  expect(() => readConfig({ data: 'd', eventDelayScale }, {})).toThrow(/above 0 and at most 1/)
})

test('the nearest interpreter stands in unless that is switched off', () => {
  const runtimes = (options: object, env = {}): unknown =>
    readConfig({ data: 'd', ...options }, env).runtimes

  expect(runtimes({})).toEqual({ dir: undefined, substitute: true })
  expect(runtimes({ runtimeSubstitute: 'off' })).toMatchObject({ substitute: false })
  expect(runtimes({}, { LACRE_RUNTIME_SUBSTITUTE: 'off' })).toMatchObject({ substitute: false })
  expect(() => runtimes({ runtimeSubstitute: 'no' })).toThrow(/`no` is not on or off/)
})

test('a folder of interpreters is one, and nobody else may write there', () => {
  using dir = tempDir()
  const runtimes = (runtimesDir: string): unknown =>
    readConfig({ data: 'd', runtimesDir }, {}).runtimes

  expect(runtimes(dir.path)).toEqual({ dir: dir.path, substitute: true })
  expect(() => runtimes(`${dir.path}/none`)).toThrow(/is no directory/)
  chmodSync(dir.path, 0o777)
  expect(() => runtimes(dir.path)).toThrow(/others may put an interpreter/)
})
