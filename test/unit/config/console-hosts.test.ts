import { describe, expect, test } from 'vitest'

import { readConfig } from '../../../services/config.ts'

describe('names of the console', () => {
  const hosts = (...consoleHost: string[]) =>
    readConfig({ data: '/nowhere', consoleHost }, {}).consoleHosts

  test('are hosts as browsers send them', () => {
    expect(hosts('Lacre.Example.com', 'localhost:8000', '[::1]:9771')).toEqual([
      'lacre.example.com',
      'localhost:8000',
      '[::1]:9771',
    ])
    expect(hosts()).toEqual([])
  })

  test.each(['https://lacre.example.com', 'a b', 'a/b', 'a@b', '*', '', 'a:99999'])(
    '`%s` is none',
    (host) => {
      expect(() => hosts(host)).toThrow(/--console-host/)
    },
  )
})
