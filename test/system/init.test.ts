import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

import { afterEach, beforeEach, expect, test } from 'vitest'
import { parse } from 'yaml'

import { lacre, lacreJson } from '../support/command.ts'
import { lacreCommand, startService } from '../support/service.ts'

let dir = ''
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'lacre-init-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }))

/** The bash blocks of what was made, run where it was made, with a `lacre` that is this one. */
function runReadme(project: string) {
  const readme = readFileSync(join(project, 'README.md'), 'utf8')
  const script = [...readme.matchAll(/```bash\n([^]*?)```/g)].map((block) => block[1]).join('\n')
  const bin = join(dir, 'bin')
  mkdirSync(bin)
  writeFileSync(join(bin, 'lacre'), `#!/bin/sh\nexec ${process.execPath} ${lacreCommand} "$@"\n`, {
    mode: 0o755,
  })
  return spawnSync('bash', ['--norc', '-euo', 'pipefail', '-c', script], {
    cwd: project,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: `${bin}:${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`, HOME: dir },
  })
}

test('what init makes passes its own policies, packs without what is not code, and runs', async () => {
  const project = join(dir, 'shop')
  const made = lacreJson<{ files: string[] }>(['init', project, '--function', 'greeting'])

  const walked = runReadme(project)

  expect(walked.status, walked.stdout + walked.stderr).toBe(0)
  expect(made.files.every((file) => existsSync(join(project, file)))).toBe(true)
  expect(made.files.map((file) => readFileSync(join(project, file), 'utf8')).join()).not.toContain(
    '__FUNCTION__',
  )
  const inside = lacreJson<{ entries: { path: string }[] }>(['inspect', join(project, 'app.zip')])
  expect(inside.entries.map(({ path }) => path)).toEqual(['index.mjs'])

  await using service = await startService()
  const at = ['--data', service.data]
  const applied = lacre(['policy', 'apply', join(project, 'policies'), ...at])
  expect(applied.status, applied.stderr).toBe(0)
  const options = [
    '--function',
    'greeting',
    '--runtime',
    'nodejs20.x',
    '--handler',
    'index.handler',
  ]
  const deployed = lacre(['deploy', join(project, 'app.zip'), ...options, '--alias', 'dev', ...at])
  expect(deployed.status, deployed.stderr).toBe(0)
  const answer = lacre(['invoke', 'greeting:dev', '--payload', '{"name":"Ada"}', ...at])
  expect(answer.stdout).toContain('Hello, Ada!')
  const refused = lacre(['promote', 'greeting', '--from', 'dev', '--to', 'prod', ...at])
  expect(refused.status).toBe(1)
  expect(refused.stderr + refused.stdout).toContain('production-is-sealed')
})

test.each([
  ['github', '.github/workflows/deploy.yml'],
  ['gitlab', '.gitlab-ci.yml'],
])('the workflow for %s is YAML that runs the script beside it for this function', (kind, file) => {
  lacreJson(['init', dir, '--function', 'greeting', '--ci', kind])

  const workflow = JSON.stringify(parse(readFileSync(join(dir, file), 'utf8')))

  expect(workflow).toContain('bash ci/deploy.sh')
  expect(workflow).toContain('"FUNCTION":"greeting"')
  expect(spawnSync('bash', ['-n', join(dir, 'ci/deploy.sh')]).status).toBe(0)
})

test('init touches nothing that is there, and takes no name that a shell would read', () => {
  writeFileSync(join(dir, 'README.md'), 'mine')

  const taken = lacre(['init', dir])
  const named = lacre(['init', join(dir, 'x'), '--function', '$(id)'])

  expect([taken.status, named.status]).toEqual([3, 2])
  expect(taken.stderr).toContain('README.md')
  expect(readFileSync(join(dir, 'README.md'), 'utf8')).toBe('mine')
  expect(existsSync(join(dir, 'index.mjs'))).toBe(false)
  expect(existsSync(join(dir, 'x'))).toBe(false)
})
