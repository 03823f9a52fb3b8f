import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { expect, test } from 'vitest'

import { canBubblewrap } from '../support/runtime.ts'
import { tempDir } from '../support/state.ts'

const run = promisify(execFile)

test.skipIf(!canBubblewrap)(
  'mounts are the same through the kept helper, after it was killed, and by mount(8)',
  async () => {
    using dir = tempDir()
    const host = join(import.meta.dirname, '../support/mounts-host.mjs')
    const own = ['--mount', '--propagation', 'private', '--', process.execPath, host]

    const { stdout } = await run('unshare', [...own, join(dir.path, 'm-')])

    const { same, ...ways } = JSON.parse(stdout) as Record<string, unknown>
    const expected = {
      flags: ['ro,nosuid,nodev', 'ro,nosuid,nodev', 'rw,nosuid,nodev'],
      content: 'content',
      write: 'EROFS',
      full: 'ENOSPC',
      missing: 'refused',
      left: [null, null, null],
      twice: 'refused',
    }
    expect(same).toBe(!existsSync('/usr/bin/perl'))
    for (const [way, seen] of Object.entries(ways)) expect(seen, way).toEqual(expected)
    expect(Object.keys(ways)).toEqual(['helped', 'killed', 'slow'])
  },
)
