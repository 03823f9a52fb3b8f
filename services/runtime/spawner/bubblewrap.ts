import { spawn, type ChildProcess, type IOType } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'

import { SANDBOX_GID, SANDBOX_UID } from '../constants.ts'
import { TASK_ROOT } from '../environment-variables.ts'
import {
  ask,
  controlOf,
  exitOf,
  innerDescriptors,
  limited,
  PROGRAM_ENVIRONMENT,
  writeEnd,
  type SandboxMaker,
  type SandboxProcess,
  type SandboxStart,
} from './maker.ts'
import type { Piece } from './view.ts'

const STATUS_LIMIT_CHARS = 16_384

/** Sandboxes by `bwrap`, which needs no right but that to make a user namespace. */
export class Bubblewrap implements SandboxMaker {
  readonly name = 'bubblewrap'
  readonly #filterPath: string | undefined
  #disableUserns = false

  /** A file that holds the seccomp filter, where there is one for this machine. */
  constructor(filterPath: string | undefined) {
    this.#filterPath = filterPath
  }

  /** Older versions of bubblewrap know less; what seccomp refuses besides can be left out. */
  async prepare(): Promise<void> {
    this.#disableUserns = (await ask('bwrap', ['--help'])).includes('--disable-userns')
  }

  /**
   * With its options, filter and status on descriptors of their own, which it closes again: the function inherits its output
   * and its private channel or, in that place, where framed records go; nothing else.
   */
  start(start: SandboxStart): SandboxProcess {
    const inner = innerDescriptors(start)
    // What would stand open on /dev/null at the end is left out: the function inherits it.
    const last = inner.findLastIndex((end) => end !== 'ignore')
    const stdio: (IOType | Socket | number)[] = ['ignore', ...inner.slice(0, last + 1)]
    const add = (end: IOType | Socket | number): number => stdio.push(end) - 1
    const optionsFd = add('pipe')
    const statusFd = add('pipe')
    const filter = this.#filterPath === undefined ? undefined : openSync(this.#filterPath, 'r')
    const own = ['bwrap', '--args', String(optionsFd), '--json-status-fd', String(statusFd)]
    if (filter !== undefined) own.push('--seccomp', String(add(filter)))
    const blockFd = start.block ? add('pipe') : undefined
    if (blockFd !== undefined) own.push('--block-fd', String(blockFd))
    const before = launcher(start.cgroups, start.uid)
    const [file = '', ...args] = [...before, ...own, '--', ...start.command]
    let child: ChildProcess
    try {
      child = spawn(file, args, { stdio, env: PROGRAM_ENVIRONMENT, cwd: '/', detached: true })
    } finally {
      if (filter !== undefined) closeSync(filter)
    }
    const exited = exitOf(child)
    const options = bwrapOptions(start, this.#disableUserns)
    writeEnd(child, optionsFd)?.end(options.map((option) => `${option}\0`).join(''))
    return {
      process: child,
      exited,
      control: controlOf(start, child),
      sandboxPid: Promise.race([childPid(child, statusFd), exited.then(() => undefined)]),
      release: () => {
        if (blockFd !== undefined) writeEnd(child, blockFd)?.end('go')
      },
    }
  }
}

/** Everything before bwrap, whose own --uid maps to whoever started it: as root, host uid 0 (RULES §8). */
export function launcher(cgroups: readonly string[], uid: number | undefined): string[] {
  if (uid === undefined) return limited(cgroups)
  const identity = [`--reuid=${uid}`, `--regid=${uid}`, '--clear-groups']
  const powers = ['--no-new-privs', '--inh-caps=-all', '--bounding-set=-all']
  return [...limited(cgroups), 'setpriv', ...identity, ...powers, '--']
}

/**
 * Options of bwrap; they go through a descriptor, since a command line is for everyone on the host to read and these hold
 * the function's environment.
 */
function bwrapOptions(start: SandboxStart, disableUserns: boolean): string[] {
  const options: (readonly string[])[] = [
    ['--unshare-all', '--unshare-user', '--new-session', '--die-with-parent'],
    disableUserns ? ['--disable-userns'] : [],
    ['--clearenv', '--uid', String(SANDBOX_UID), '--gid', String(SANDBOX_GID)],
    ['--hostname', 'sandbox', ...start.view.flatMap(pieceOptions)],
    ['--remount-ro', '/', '--chdir', TASK_ROOT],
    ...Object.entries(start.variables).map(([name, value]) => ['--setenv', name, value]),
  ]
  return options.flat()
}

function pieceOptions(piece: Piece): string[] {
  switch (piece.kind) {
    case 'shown':
      return ['--ro-bind', piece.from, piece.path]
    case 'writable':
      return ['--bind', piece.from, piece.path]
    case 'link':
      return ['--symlink', piece.target, piece.path]
    case 'directory':
      return ['--dir', piece.path]
    case 'processes':
      return ['--proc', piece.path]
    case 'devices':
      return ['--dev', piece.path, '--remount-ro', piece.path]
  }
}

function childPid(child: ChildProcess, fd: number): Promise<number | undefined> {
  const status = child.stdio[fd] as Readable | null | undefined
  return new Promise((resolve) => {
    let text = ''
    if (status === null || status === undefined) return resolve(undefined)
    status.setEncoding('utf8')
    status.on('data', (chunk: string) => {
      text = (text + chunk).slice(0, STATUS_LIMIT_CHARS)
      const match = /"child-pid":\s*(\d+)/.exec(text)
      if (match?.[1] !== undefined) resolve(Number(match[1]))
    })
    status.on('error', () => resolve(undefined))
    status.on('close', () => resolve(undefined))
  })
}
