import { execFile, type ChildProcess, type IOType } from 'node:child_process'
import type { Socket } from 'node:net'
import type { Duplex, Writable } from 'node:stream'
import { promisify } from 'node:util'

import { DESCRIPTOR_LIMIT } from '../constants.ts'
import type { DriverName } from '../options.ts'
import type { Piece } from './view.ts'

const run = promisify(execFile)
/** What a look at this machine may take. */
export const PROGRAM_TIMEOUT_MS = 5_000
/** The supervisor's descriptor for orders and news. */
export const CONTROL = 4
/** What programs that make sandboxes are started with, and nothing else. */
export const PROGRAM_ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' }

/** One sandbox, as every program that makes them is told of it. */
export interface SandboxStart {
  /** Names it among those that live. */
  readonly id: string
  /** Directories of cgroups that hold all of it, the program that makes it included. */
  readonly cgroups: readonly string[]
  /** The host's uid, and gid, of all that runs inside; the service's own where it is not root. */
  readonly uid: number | undefined
  readonly view: readonly Piece[]
  readonly command: readonly string[]
  /** Of the command; the sandbox's first process has none of them. */
  readonly variables: Readonly<Record<string, string>>
  /** `pipe` for a probe: what it prints, and what the program that makes it complains of. */
  readonly output: Socket | 'pipe'
  /** What the runtime finds as descriptor 3. */
  readonly third: Socket | undefined
  /** Where extensions write; there is a control descriptor beside it (supervisor.sh). */
  readonly extensions: Socket | undefined
  /** Wait, all mounted, until `release`. */
  readonly block: boolean
}

export interface SandboxProcess {
  /** Whoever kills it kills the sandbox. */
  readonly process: ChildProcess
  /** The host's pid of the sandbox's first process; `undefined` if it ended before there was one. */
  readonly sandboxPid: Promise<number | undefined>
  readonly exited: Promise<ExitStatus>
  release(): void
  readonly control: Duplex | undefined
}

export interface ExitStatus {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/**
 * A program that makes sandboxes: namespaces of every kind, no capability, no new privileges, the filter of `seccomp`, a
 * read-only root. The sandbox's first process reaps what is orphaned, and ends as its only child does, with a shell's status.
 */
export interface SandboxMaker {
  readonly name: Exclude<DriverName, 'process'>
  /** Looks at what is installed. @throws Error, saying why it cannot run here */
  prepare(): Promise<void>
  start(start: SandboxStart): SandboxProcess
}

/** What a program says of itself. @throws Error where it is not there, or does not answer */
export async function ask(file: string, args: readonly string[]): Promise<string> {
  try {
    return (await run(file, args, { timeout: PROGRAM_TIMEOUT_MS })).stdout
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause
    throw new Error(`${file} is not installed`, { cause })
  }
}

/**
 * Puts itself into each cgroup named before `--`, then becomes the command: limits hold before anything foreign is mounted
 * or run (RULES §8). A constant; what it works on are arguments.
 */
const ATTACH =
  'while [ "$1" != -- ]; do echo 0 > "$1/cgroup.procs" || exit 125; shift; done; shift; exec "$@"'

/** Before any program that makes sandboxes, run with an empty environment: cgroups, then resource limits. */
export function limited(cgroups: readonly string[]): string[] {
  const attach = ['/bin/sh', '-c', ATTACH, 'lacre-attach', ...cgroups, '--']
  const files = `--nofile=${DESCRIPTOR_LIMIT}:${DESCRIPTOR_LIMIT}`
  return [...attach, 'prlimit', files, '--core=0:0', '--memlock=65536:65536', '--']
}

/** Descriptors 1 to 5 of what runs inside: output, errors, channel or framed records, and those of a supervisor. */
export function innerDescriptors(start: SandboxStart): (IOType | Socket)[] {
  const { output, third = 'ignore', extensions } = start
  const supervisor: (IOType | Socket)[] =
    extensions === undefined ? ['ignore', 'ignore'] : ['pipe', extensions]
  return [output, output, third, ...supervisor]
}

export function controlOf(start: SandboxStart, child: ChildProcess): Duplex | undefined {
  return start.extensions === undefined ? undefined : (child.stdio[CONTROL] as Duplex | undefined)
}

export function exitOf(child: ChildProcess): Promise<ExitStatus> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }))
    child.once('error', () => resolve({ code: 127, signal: null }))
  })
}

/** Our end of a pipe to a child. */
export function writeEnd(child: ChildProcess, fd: number): Writable | undefined {
  const end = child.stdio[fd] as Writable | null | undefined
  // EPIPE when the child died first: its exit tells.
  end?.on('error', () => undefined)
  return end ?? undefined
}
