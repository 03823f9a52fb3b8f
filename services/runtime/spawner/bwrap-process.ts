import { spawn, type ChildProcess, type IOType } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import type { Socket } from 'node:net'
import type { Duplex, Readable, Writable } from 'node:stream'

const STATUS_LIMIT_CHARS = 16_384
/** The supervisor's descriptor for orders and news. */
export const CONTROL = 4

export interface BwrapStart {
  readonly launcher: readonly string[]
  readonly options: readonly string[]
  readonly command: readonly string[]
  readonly filterPath: string | undefined
  readonly output: Socket | 'pipe'
  /** What the runtime finds as descriptor 3. */
  readonly third: Socket | undefined
  /** Where extensions write; there is a control descriptor beside it (supervisor.sh). */
  readonly extensions: Socket | undefined
  /** Wait, all mounted, until `release`. */
  readonly block: boolean
}

export interface BwrapProcess {
  readonly process: ChildProcess
  /** The host's pid of the sandbox's first process; `undefined` if bwrap ended before there was one. */
  readonly sandboxPid: Promise<number | undefined>
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  release(): void
  readonly control: Duplex | undefined
}

/**
 * Starts bwrap with its options, filter and status on descriptors of their own, which it closes again: the function
 * inherits its output and its private channel or, in that place, where framed records go; nothing else.
 */
export function startBwrap(start: BwrapStart): BwrapProcess {
  const stdio: (IOType | Socket | number)[] = [
    'ignore',
    start.output,
    start.output === 'pipe' ? 'ignore' : start.output,
  ]
  const add = (end: IOType | Socket | number): number => stdio.push(end) - 1
  if (start.third !== undefined) add(start.third)
  if (start.extensions !== undefined) {
    // Always descriptors 4 and 5, whether there is a third or not.
    if (start.third === undefined) add('ignore')
    add('pipe')
    add(start.extensions)
  }
  const optionsFd = add('pipe')
  const statusFd = add('pipe')
  const filter = start.filterPath === undefined ? undefined : openSync(start.filterPath, 'r')
  const own = ['bwrap', '--args', String(optionsFd), '--json-status-fd', String(statusFd)]
  if (filter !== undefined) own.push('--seccomp', String(add(filter)))
  const blockFd = start.block ? add('pipe') : undefined
  if (blockFd !== undefined) own.push('--block-fd', String(blockFd))
  const [file = '', ...args] = [...start.launcher, ...own, '--', ...start.command]
  let child: ChildProcess
  try {
    const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' }
    child = spawn(file, args, { stdio, env, cwd: '/', detached: true })
  } finally {
    if (filter !== undefined) closeSync(filter)
  }
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }))
    child.once('error', () => resolve({ code: 127, signal: null }))
  })
  writeEnd(child, optionsFd)?.end(start.options.map((option) => `${option}\0`).join(''))
  return {
    process: child,
    exited,
    control:
      start.extensions === undefined ? undefined : (child.stdio[CONTROL] as Duplex | undefined),
    sandboxPid: Promise.race([childPid(child, statusFd), exited.then(() => undefined)]),
    release: () => {
      if (blockFd !== undefined) writeEnd(child, blockFd)?.end('go')
    },
  }
}

function writeEnd(child: ChildProcess, fd: number): Writable | undefined {
  const end = child.stdio[fd] as Writable | null | undefined
  // EPIPE when bwrap died first: its exit tells.
  end?.on('error', () => undefined)
  return end ?? undefined
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
