import { expect, test } from 'vitest'

import { egressAllows, parseEgressList } from '../../../services/model/index.ts'

test('a list is sorted, and holds each host once', () => {
  const list = parseEgressList(['b.example.com:443', '*.example.com:8443', 'b.example.com:443'])

  expect(list).toEqual(['*.example.com:8443', 'b.example.com:443'])
  expect(parseEgressList([])).toEqual([])
  expect(parseEgressList(['db:5432', 'xn--bcher-kva.example:1', 'a1.b:65535'])).toHaveLength(3)
})

test.each([
  ['no port', 'api.example.com'],
  ['port 0', 'api.example.com:0'],
  ['a port beyond all', 'api.example.com:65536'],
  ['a port with a zero before it', 'api.example.com:0443'],
  ['a URL', 'https://api.example.com:443'],
  ['a path', 'api.example.com:443/x'],
  ['upper case', 'API.example.com:443'],
  ['a name beyond ASCII', 'bücher.example:443'],
  ['a blank', ' api.example.com:443'],
  ['a line end', 'api.example.com:443\n'],
  ['a dot at the end', 'api.example.com.:443'],
  ['an empty label', 'api..example.com:443'],
  ['a label that begins with a hyphen', '-a.example.com:443'],
  ['a label of 64', `${'a'.repeat(64)}.example.com:443`],
  ['a name of 254', `${'a.'.repeat(126)}ab:443`],
  ['an address', '192.0.2.1:443'],
  ['a short address', '127.1:443'],
  ['an address as one number', '2130706433:443'],
  ['a hexadecimal address', '0x7f.1:443'],
  ['a hexadecimal end', '127.0x1:443'],
  ['an address of version 6', '[::1]:443'],
  ['the same without brackets', '::1:443'],
  ['a wildcard alone', '*:443'],
  ['a wildcard over a whole domain', '*.com:443'],
  ['a wildcard in the middle', 'api.*.example.com:443'],
  ['two wildcards', '*.*.example.com:443'],
  ['part of a label', 'a*.example.com:443'],
  ['a wildcard over an address', '*.0.0.1:443'],
])('refuses %s', (_what, entry) => {
  expect(() => parseEgressList([entry])).toThrow(
    expect.objectContaining({ code: 'INVALID_PARAMETER' }),
  )
})

test('a list has at most 50 hosts', () => {
  const hosts = (count: number) =>
    Array.from({ length: count }, (_, at) => `h${at}.example.com:443`)

  expect(parseEgressList(hosts(50))).toHaveLength(50)
  expect(() => parseEgressList(hosts(51))).toThrow('at most 50 hosts, not 51')
})

test.each([
  ['the host itself', 'api.example.com', 443, true],
  ['whatever its case', 'API.Example.COM', 443, true],
  ['another port', 'api.example.com', 80, false],
  ['what it is below', 'example.com', 443, false],
  ['what is below it', 'x.api.example.com', 443, false],
  ['one label for the wildcard', 'a.files.example.com', 8443, true],
  ['two labels for the wildcard', 'a.b.files.example.com', 8443, false],
  ['none for the wildcard', 'files.example.com', 8443, false],
  ['an empty one for the wildcard', '.files.example.com', 8443, false],
  ['the wildcard as it is written', '*.files.example.com', 8443, false],
  ['a dot at the end', 'api.example.com.', 443, false],
  ['another ending', 'api.example.com.evil.test', 443, false],
  ['a name that only ends so', 'evilapi.example.com', 443, false],
  ['nothing', '', 443, false],
])('%s: %s:%d', (_what, host, port, allowed) => {
  expect(egressAllows(['*.files.example.com:8443', 'api.example.com:443'], host, port)).toBe(
    allowed,
  )
})

test('nothing is allowed by an empty list', () => {
  expect(egressAllows([], 'api.example.com', 443)).toBe(false)
})
