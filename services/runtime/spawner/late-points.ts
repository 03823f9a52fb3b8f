import { execFile } from 'node:child_process'
import { mkdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { ENVELOPE_FILE } from '../envelope.ts'
import type { Mounts } from './mounts.ts'

const run = promisify(execFile)

/**
 * Directories that sandboxes bind, one each, before there is code for them. They lie in a mount of shared propagation: what is
 * mounted on one later appears in the sandbox that has bound it, with the flags it was mounted with, and in no other. A sandbox
 * has a user namespace of its own and so only receives: nothing that is mounted inside comes out, and what came is locked.
 */
export class LatePoints {
  readonly #dir: string
  readonly #mounts: Mounts
  #count = 0

  private constructor(dir: string, mounts: Mounts) {
    this.#dir = dir
    this.#mounts = mounts
  }

  static async open(dir: string, mounts: Mounts): Promise<LatePoints> {
    mkdirSync(dir, { mode: 0o711 })
    await run('mount', ['--bind', '--make-shared', dir, dir])
    return new LatePoints(dir, mounts)
  }

  add(): string {
    this.#count += 1
    const point = join(this.#dir, String(this.#count))
    mkdirSync(point, { mode: 0o755 })
    return point
  }

  /** Shows a read-only view there, over the envelope that says whose it is. */
  async show(point: string, view: string, envelope: string): Promise<void> {
    writeFileSync(join(point, ENVELOPE_FILE), envelope, { mode: 0o644, flag: 'wx' })
    await this.#mounts.repeat(view, point)
  }

  /** Once the sandbox is gone. What is still mounted there stays, and its directory with it. */
  async remove(point: string): Promise<void> {
    await this.#mounts.unmount(point).catch(() => undefined)
    try {
      rmSync(join(point, ENVELOPE_FILE), { force: true })
      rmdirSync(point)
    } catch {
      // it goes with the stage
    }
  }
}
