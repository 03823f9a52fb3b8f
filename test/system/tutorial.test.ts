import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

import { expect, test } from 'vitest'

import { commandTable } from '../../cli/table.ts'
import { lacreCommand, projectRoot } from '../support/service.ts'

/** Debian's, as in the README. */
const AWS = '/usr/bin/aws'
const docs = join(projectRoot, 'docs')

test('the tutorial does what it says, command by command', { timeout: 240_000 }, (ctx) => {
  if (!existsSync(AWS)) return ctx.skip(`${AWS} is not installed (apt-get install awscli)`)
  const text = readFileSync(join(docs, 'tutorial.md'), 'utf8')
  const part = /<!-- tutorial -->([^]*?)<!-- \/tutorial -->/.exec(text)?.[1] ?? ''
  const script = [...part.matchAll(/```bash\n([^]*?)```/g)].map((block) => block[1]).join('\n')
  const home = mkdtempSync(join(tmpdir(), 'lacre-tutorial-'))
  try {
    const bin = join(home, 'bin')
    mkdirSync(bin)
    symlinkSync(AWS, join(bin, 'aws'))
    const command = `#!/bin/sh\nexec ${process.execPath} ${lacreCommand} "$@"\n`
    writeFileSync(join(bin, 'lacre'), command, { mode: 0o755 })
    const run = spawnSync('bash', ['--norc', '-euo', 'pipefail', '-c', script], {
      cwd: home,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 230_000,
      env: {
        PATH: `${bin}:${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`,
        HOME: home,
        TMPDIR: home,
        AWS_EC2_METADATA_DISABLED: 'true',
      },
    })

    expect(script.match(/^(if )?lacre /gm)?.length ?? 0).toBeGreaterThan(25)
    expect(run.status, `${run.stdout}\n${run.stderr}`).toBe(0)
    expect(run.stdout).toContain('Hello, Ada!')
    expect(run.stdout + run.stderr).toContain('production-is-sealed')
  } finally {
    rmSync(home, { recursive: true, force: true, maxRetries: 5 })
  }
})

const pages = readdirSync(docs, { recursive: true, encoding: 'utf8' }).filter((file) =>
  file.endsWith('.md'),
)

test.each(pages)('docs/%s links to pages that are there', (page) => {
  const text = readFileSync(join(docs, page), 'utf8')
  const links = [...text.matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)].map(([, to]) => to ?? '')

  expect(links.filter((to) => !existsSync(join(docs, dirname(page), to)))).toEqual([])
})

test.each(pages)('docs/%s names commands that are there', (page) => {
  const text = readFileSync(join(docs, page), 'utf8')
  const named = [...text.matchAll(/^lacre ([a-z][a-z-]*)/gm)].map(([, verb]) => verb ?? '')
  const verbs = new Set(commandTable.map(({ name }) => name))

  expect(named.filter((verb) => !verbs.has(verb))).toEqual([])
})
