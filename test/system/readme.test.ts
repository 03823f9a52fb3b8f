import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

import { expect, test } from 'vitest'

import { projectRoot } from '../support/service.ts'

/** Debian's: the one the README speaks of. */
const AWS = '/usr/bin/aws'

/** The bash blocks between the two markers. */
function walkThrough(): string {
  const readme = readFileSync(join(projectRoot, 'README.md'), 'utf8')
  const part = /<!-- walk-through -->([^]*?)<!-- \/walk-through -->/.exec(readme)?.[1] ?? ''
  return [...part.matchAll(/```bash\n([^]*?)```/g)].map((block) => block[1]).join('\n')
}

test(
  "the README's walk-through does what it says, with Debian's aws",
  { timeout: 180_000 },
  (ctx) => {
    if (!existsSync(AWS)) return ctx.skip(`${AWS} is not installed (apt-get install awscli)`)
    const script = walkThrough()
    const home = mkdtempSync(join(tmpdir(), 'lacre-readme-'))
    try {
      const bin = join(home, 'bin')
      mkdirSync(bin)
      symlinkSync(AWS, join(bin, 'aws'))
      const run = spawnSync('bash', ['--norc', '-euo', 'pipefail', '-c', script], {
        cwd: projectRoot,
        encoding: 'utf8',
        // With a socket as its input bash takes itself for a remote shell and reads the start-up files.
        stdio: ['ignore', 'pipe', 'pipe'],
        timeout: 170_000,
        env: {
          PATH: `${bin}:${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`,
          HOME: home,
          TMPDIR: home,
          AWS_PAGER: '',
          AWS_EC2_METADATA_DISABLED: 'true',
        },
      })

      expect(script.length).toBeGreaterThan(500)
      expect(run.status, `${run.stdout}\n${run.stderr}`).toBe(0)
      expect(run.stdout).toContain('report')
    } finally {
      rmSync(home, { recursive: true, force: true, maxRetries: 5 })
    }
  },
)
