import { spawnSync } from 'node:child_process'

import { lacreCommand } from './service.ts'

export interface CommandRun {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs the compiled `lacre` to its end. */
export function lacre(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): CommandRun {
  const { status, stdout, stderr } = spawnSync(process.execPath, [lacreCommand, ...args], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], ...env },
    maxBuffer: 64 * 1024 * 1024,
  })
  return { status, stdout, stderr }
}

/** The same, where it has to succeed; answers what `--json` printed. */
export function lacreJson<T>(args: readonly string[]): T {
  const run = lacre([...args, '--json'])
  if (run.status !== 0) {
    throw new Error(`lacre ${args.join(' ')}: exit ${run.status}\n${run.stdout}${run.stderr}`)
  }
  return JSON.parse(run.stdout) as T
}
