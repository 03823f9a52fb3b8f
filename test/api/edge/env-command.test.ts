import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach, beforeEach, expect, it } from 'vitest'

import { command } from '../../../cli/commands/env.ts'
import { readConnection } from '../../../cli/client/index.ts'
import { runCommandLine } from '../../../cli/run.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'lacre-env-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

async function run(
  args: string[],
  environment = {},
): Promise<{ code: number; out: string; err: string }> {
  const written = { out: '', err: '' }
  const row = { name: command.name, summary: command.summary, load: async () => ({ command }) }
  const code = await runCommandLine([row], {
    args,
    environment,
    version: '0',
    out: { write: (text) => (written.out += text) },
    err: { write: (text) => (written.err += text) },
  })
  return { code, ...written }
}

it('prints exports that a shell reads back as they are, whatever the secret holds', async () => {
  const secretAccessKey = `a'b"c$d\`e\\f g+/=`
  const admin = {
    endpoint: 'http://127.0.0.1:9771',
    region: 'eu-west-1',
    accessKeyId: 'AKIAX',
    secretAccessKey,
  }
  writeFileSync(join(dir, 'admin.json'), JSON.stringify(admin))

  const { code, out } = await run(['env', '--data', dir])
  const shown = execFileSync('/bin/sh', [
    '-c',
    `${out}\nprintf '%s\\n' "$AWS_ENDPOINT_URL" "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY" "$AWS_DEFAULT_REGION" "$AWS_REGION"`,
  ]).toString()

  expect(code).toBe(0)
  expect(shown.split('\n').slice(0, 5)).toEqual([
    'http://127.0.0.1:9771',
    'AKIAX',
    secretAccessKey,
    'eu-west-1',
    'eu-west-1',
  ])
})

it('says what to do where no service has run', async () => {
  const { code, err } = await run(['env', '--data', dir])

  expect(code).toBe(2)
  expect(err).toContain('has `lacre serve` run with this data directory?')
})

it.each([
  ['no endpoint', {}, /which service/],
  ['no key', { AWS_ENDPOINT_URL: 'http://127.0.0.1:1' }, /no access key/],
  [
    'an endpoint that is none',
    { AWS_ENDPOINT_URL: 'ftp://x', AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' },
    /is not http/,
  ],
  [
    'an endpoint with a path',
    { AWS_ENDPOINT_URL: 'http://x/y', AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' },
    /is not http/,
  ],
])('refuses an environment with %s', (_name, environment, message) => {
  expect(() => readConnection({}, environment)).toThrow(message)
})
