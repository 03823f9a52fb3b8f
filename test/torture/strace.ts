import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const POLL_MS = 10
const ATTACH_LIMIT_MS = 10_000
/** From the last thread's attachment to the first call that is traced. */
const SETTLE_MS = 50

/** Whether this machine lets a process be traced. */
export function canTrace(): boolean {
  return spawnSync('strace', ['-qq', '-o', '/dev/null', 'true']).status === 0
}

/** `strace` on every thread of a running process. */
export class Tracer {
  readonly #child: ChildProcess

  private constructor(child: ChildProcess) {
    this.#child = child
  }

  /** Attached to `pid`: `expressions` are strace's own (`trace=fsync`, `inject=fsync:error=EIO:when=3`). */
  static async attach(pid: number, expressions: readonly string[]) {
    const args = ['-f', '-q', '-p', String(pid), '-o', '/dev/null']
    const child = spawn('strace', [...args, ...expressions.flatMap((one) => ['-e', one])], {
      stdio: 'ignore',
    })
    const limit = performance.now() + ATTACH_LIMIT_MS
    while (!isTraced(pid)) {
      if (performance.now() > limit) throw new Error('strace did not attach')
      await sleep(POLL_MS)
    }
    await sleep(SETTLE_MS)
    return new Tracer(child)
  }

  /** The process goes on as if nobody had looked. */
  async detach(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = once(this.#child, 'exit')
    this.#child.kill('SIGINT')
    await gone
  }
}

function isTraced(pid: number): boolean {
  try {
    return /^TracerPid:\t[1-9]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}
