import { spawnSync } from 'node:child_process'

import { describe, expect, test } from 'vitest'

import { canRun } from '../support/runtime.ts'
import { lacreCommand } from '../support/service.ts'
import { tempDir } from '../support/state.ts'

/** What a command says where some programs of this machine do nothing but fail. */
function without(programs: readonly string[], args: readonly string[], timeout = 60_000) {
  const hide = programs
    .map((name) => `mount --bind /bin/false "$(command -v ${name})" && `)
    .join('')
  const script = `${hide} exec "$@"`
  const wrapped = ['--mount', '--propagation=private', 'sh', '-c', script, 'sh']
  const command = [process.execPath, lacreCommand, ...args]
  return spawnSync('unshare', [...wrapped, ...command], { encoding: 'utf8', timeout })
}

function isolationOf(stdout: string): { readonly status: string; readonly found: string } {
  const { checks } = JSON.parse(stdout) as {
    readonly checks: readonly { name: string; status: string; found: string }[]
  }
  const check = checks.find(({ name }) => name === 'isolation')
  if (check === undefined) throw new Error('nothing is said of isolation')
  return check
}

describe.skipIf(!canRun('bubblewrap') || !canRun('crun'))('the driver that is taken', () => {
  test('is crun where bubblewrap does not run, and as full', () => {
    const { stdout } = without(['bwrap'], ['doctor', '--json'])

    expect(isolationOf(stdout)).toMatchObject({ status: 'ok', found: 'full, by crun' })
  })

  test('is none where neither does, and doctor says what is wrong with each', () => {
    const { stdout } = without(['bwrap', 'crun'], ['doctor', '--json'])

    const { status, found } = isolationOf(stdout)
    expect(status).toBe('failed')
    expect(found).toMatch(/^none, by process; missing: .*bwrap --help.*crun --version/s)
  })

  test.each([
    ['crun', 'crun', 'crun --version'],
    ['bubblewrap', 'bwrap', 'bwrap --help'],
  ])('is refused with the reason where %s was asked for', (driver, file, reason) => {
    using dir = tempDir()
    const args = ['serve', '--isolation', driver, '--data', dir.path, '--listen', '127.0.0.1:0']

    const { status, stderr } = without([file], args)

    expect(status).toBeGreaterThan(0)
    expect(stderr).toContain(`isolation \`${driver}\` is not available`)
    expect(stderr).toContain(reason)
  })
})
