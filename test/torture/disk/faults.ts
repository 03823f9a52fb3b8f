import { execFileSync } from 'node:child_process'
import {
  closeSync,
  constants as constantsOfFs,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The kinds of calls that the layer counts, in the order of `faults.c`. */
export const KINDS = ['write', 'sync', 'rename', 'truncate', 'mkdir', 'unlink', 'create'] as const
export type Kind = (typeof KINDS)[number]

export interface Fault {
  readonly kind: Kind
  /** Which call of this kind from now on, over all threads. */
  readonly when: number
  readonly error: 'EIO' | 'ENOSPC'
}

/** Members of `struct control` before the counts. */
const HEAD = 4
const SOURCE = fileURLToPath(new URL('faults.c', import.meta.url))

/** The fault layer for one data directory: compiled by `cc`, put below a service by `env`. */
export class FaultLayer implements Disposable {
  readonly #dir: string
  readonly #data: string
  readonly journal: string
  readonly keep: string

  constructor(data: string) {
    this.#data = data
    // Beside the data directory: what is kept under a second name must be on its file system.
    this.#dir = mkdtempSync(join(tmpdir(), 'lacre-faults-'))
    this.journal = join(this.#dir, 'journal')
    this.keep = join(this.#dir, 'keep')
    mkdirSync(this.keep)
    execFileSync('cc', [
      '-shared',
      '-fPIC',
      '-O2',
      '-o',
      this.#library,
      SOURCE,
      '-ldl',
      '-lpthread',
    ])
    this.clear()
  }

  /** Variables for the process whose files are to fail; with `journal`, so that a loss of power can be acted out. */
  env(options: { readonly journal?: boolean } = {}): Record<string, string> {
    return {
      LD_PRELOAD: this.#library,
      LACRE_FAULTS_ROOT: this.#data,
      LACRE_FAULTS_CONTROL: this.#control,
      ...(options.journal === true
        ? { LACRE_FAULTS_JOURNAL: this.journal, LACRE_FAULTS_KEEP: this.keep }
        : {}),
    }
  }

  /** From now on: counts begin at 0. */
  arm({ kind, when, error }: Fault): void {
    this.#write([KINDS.indexOf(kind), when, constants.errno[error]])
  }

  clear(): void {
    this.#write([0, 0, 0])
  }

  /** How often each kind was called since `arm` or `clear`, and how often a call failed. */
  counts(): { readonly reached: number; readonly counts: Readonly<Record<Kind, number>> } {
    const bytes = readFileSync(this.#control)
    const at = (index: number): number => bytes.readUInt32LE(index * 4)
    const counts = Object.fromEntries(KINDS.map((kind, index) => [kind, at(HEAD + index)]))
    return { reached: at(3), counts: counts as Record<Kind, number> }
  }

  [Symbol.dispose](): void {
    rmSync(this.#dir, { recursive: true, force: true })
  }

  get #library(): string {
    return join(this.#dir, 'faults.so')
  }
  get #control(): string {
    return join(this.#dir, 'control')
  }

  /** In place, for the process has it mapped. */
  #write(head: readonly number[]): void {
    const bytes = Buffer.alloc((HEAD + KINDS.length) * 4)
    for (const [index, value] of head.entries()) bytes.writeUInt32LE(value, index * 4)
    const fd = openSync(this.#control, constantsOfFs.O_RDWR | constantsOfFs.O_CREAT, 0o600)
    writeSync(fd, bytes, 0, bytes.length, 0)
    closeSync(fd)
  }
}
