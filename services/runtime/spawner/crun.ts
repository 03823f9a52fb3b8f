import { spawn, type ChildProcess } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'

import { parseCgroupMounts } from './cgroups.ts'
import { writeBundle } from './crun-bundle.ts'
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
import { variableOrder } from './supervisor.ts'

/** The descriptor over which the sandbox's first process says that it is up, and gets its orders (init.sh). */
const INIT_CONTROL = 6
/** Descriptors above the first three that come along: channel, supervisor's two, and that one. */
const PRESERVED = INIT_CONTROL - 2
/** crun 1.8 refuses to run where cgroups of version 2 stand beside those of version 1, so it does not see them. */
const UNIFIED = '/sys/fs/cgroup/unified'
const WITHOUT = 'umount "$1" && shift && exec "$@"'

/**
 * Sandboxes by `crun`, as containers of an OCI bundle each. It runs as root, outside of the sandbox and in its cgroups, in a pid
 * namespace that ends with this process: whatever is killed, nothing runs on. Cgroups are ours; its state lies on our stage.
 */
export class Crun implements SandboxMaker {
  readonly name = 'crun'
  readonly #dir: string
  readonly #filter: Buffer | undefined
  #hybrid = false

  /** A directory for bundles and state, and a file that holds the seccomp filter, where there is one for this machine. */
  constructor(dir: string, filterPath: string | undefined) {
    this.#dir = dir
    this.#filter = filterPath === undefined ? undefined : readFileSync(filterPath)
  }

  async prepare(): Promise<void> {
    await ask('crun', ['--version'])
    if (process.getuid?.() !== 0) throw new Error('crun is run by root alone')
    const mounts = parseCgroupMounts(readFileSync('/proc/self/mountinfo', 'utf8'))
    this.#hybrid = mounts.some(({ point, type }) => point === UNIFIED && type === 'cgroup2')
  }

  start(start: SandboxStart): SandboxProcess {
    if (start.uid === undefined) throw new Error('crun needs a uid for the environment')
    const bundle = join(this.#dir, 'bundles', start.id)
    const state = join(this.#dir, 'state')
    writeBundle(bundle, start, { uid: start.uid, filter: this.#filter })
    const options = ['--root', state, '--cgroup-manager=disabled']
    const crun = ['crun', ...options, 'run', `--preserve-fds=${PRESERVED}`, '--bundle', bundle]
    const child = spawn('setpriv', [...this.#apart(start.cgroups), ...crun, start.id], {
      // crun gives the first three to the uid of the sandbox: none of them may be a file of the host, as /dev/null is.
      stdio: ['pipe', ...innerDescriptors(start), 'pipe'],
      env: PROGRAM_ENVIRONMENT,
      cwd: '/',
      detached: true,
    })
    writeEnd(child, 0)?.end()
    const init = writeEnd(child, INIT_CONTROL) as Duplex | undefined
    const exited = exitOf(child).then((status) => {
      // Of one that was killed crun has not taken it away.
      for (const left of [bundle, join(state, start.id)])
        rmSync(left, { recursive: true, force: true })
      return status
    })
    const variables = Object.entries(start.variables).map(([name, value]) =>
      variableOrder(name, value),
    )
    const release = (): void => void init?.end(`${variables.join('')}r\n`)
    const sandboxPid = Promise.race([isUp(init), exited]).then(() => firstProcess(child))
    if (!start.block) void sandboxPid.then(release)
    return { process: child, exited, control: controlOf(start, child), sandboxPid, release }
  }

  /** For setpriv. The mount and pid namespaces around crun end, and all in them, with their first process, and that with us. */
  #apart(cgroups: readonly string[]): string[] {
    const ends = ['--pdeathsig=KILL', '--', ...limited(cgroups)]
    const spaces = ['--mount', '--propagation=slave', '--pid', '--fork', '--kill-child=KILL']
    const hidden = this.#hybrid ? ['/bin/sh', '-c', WITHOUT, 'lacre-without', UNIFIED] : []
    return [...ends, 'unshare', ...spaces, '--mount-proc', '--', ...hidden]
  }
}

/** Resolves once the first process has said so, or will not any more. */
function isUp(init: Duplex | undefined): Promise<void> {
  return new Promise((resolve) => {
    init?.once('data', () => resolve())
    init?.once('close', () => resolve())
    if (init === undefined) resolve()
  })
}

/** Child of crun, which is the child of what waits for its namespace; the first in a pid namespace of its own. */
function firstProcess(child: ChildProcess): number | undefined {
  return childrenOf(child.pid)
    .flatMap(childrenOf)
    .find((pid) => /^NSpid:(?:\t\d+){2,}\t1$/m.test(statusOf(pid)))
}

function childrenOf(pid: number | undefined): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    return text.split(' ').filter(Boolean).map(Number)
  } catch {
    return []
  }
}

function statusOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8')
  } catch {
    return ''
  }
}
