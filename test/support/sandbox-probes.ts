import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { findHierarchies } from '../../services/runtime/spawner/cgroups.ts'

// services/runtime/constants.ts
const UID_BASE = 1_900_000_000
const UID_BLOCKS = 3_000
const UID_BLOCK_SIZE = 65_536

/** What of one runtime's environments is on this machine: processes by uid, cgroups of spawners that are gone, mounts. */
export interface Leftovers {
  readonly processes: readonly string[]
  readonly cgroups: readonly string[]
  readonly mounts: readonly string[]
  /** What crun knows of containers of ours, where it looks unless told. */
  readonly containers: readonly string[]
}

export const NOTHING: Leftovers = { processes: [], cgroups: [], mounts: [], containers: [] }

export function leftovers(uidFraction: number): Leftovers {
  return {
    processes: sandboxProcesses(uidFraction),
    cgroups: ownCgroups().flatMap((dir) => staleCgroups(dir, 0)),
    mounts: mountsOf(),
    containers: containersOf(),
  }
}

/** Live processes with a uid of this runtime's block; zombies are dead and only await their parent's look. */
export function sandboxProcesses(uidFraction: number): string[] {
  const first = UID_BASE + Math.floor(uidFraction * UID_BLOCKS) * UID_BLOCK_SIZE
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false
    try {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8')
      const uid = Number(/^Uid:\s+(\d+)/m.exec(status)?.[1])
      return uid >= first && uid < first + UID_BLOCK_SIZE && !/^State:\s+Z/m.test(status)
    } catch {
      return false
    }
  })
}

/** Where a spawner that we start makes its own; what stands elsewhere is nobody's here to judge. */
function ownCgroups(): string[] {
  return [...new Set([...findHierarchies().values()].flat().map(({ base }) => base))]
}

/** The spawner of the runtime that this process opened last. */
export function spawnerPid(): number {
  const pids = readdirSync('/proc').filter((pid) => {
    try {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8')
      return (
        new RegExp(`^PPid:\\s+${process.pid}$`, 'm').test(status) &&
        readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('lacre-spawner')
      )
    } catch {
      return false
    }
  })
  return Math.max(...pids.map(Number))
}

/** What each environment of a spawner weighs where processors are short. */
export function processorWeights(spawnerPid: number): number[] {
  const own = ownCgroups()
    .filter(existsSync)
    .flatMap((base) => readdirSync(base).map((name) => join(base, name)))
    .filter((dir) => dir.includes(`/lacre-${spawnerPid}-`))
  return own
    .flatMap((dir) => readdirSync(dir).map((name) => join(dir, name)))
    .flatMap((slot) => ['cpu.shares', 'cpu.weight'].map((file) => join(slot, file)))
    .filter(existsSync)
    .map((file) => Number(readFileSync(file, 'utf8')))
}

function staleCgroups(dir: string, depth: number): string[] {
  if (depth > 4 || !existsSync(dir)) return []
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    if (!entry.isDirectory()) return []
    const path = join(dir, entry.name)
    const pid = /^lacre-(\d+)-\d+$/.exec(entry.name)?.[1]
    if (pid === undefined) return staleCgroups(path, depth + 1)
    return existsSync(`/proc/${pid}`) ? [] : [path]
  })
}

function containersOf(): string[] {
  const dir = '/run/crun'
  if (!existsSync(dir)) return []
  return readdirSync(dir).filter((id) => {
    const status = join(dir, id, 'status')
    return existsSync(status) && readFileSync(status, 'utf8').includes('/crun/bundles/')
  })
}

function mountsOf(): string[] {
  return readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('lacre-'))
}

/** A Node function that answers, for each named expression, its value or the code of the error it threw. */
export function probing(expressions: Readonly<Record<string, string>>): string {
  const rows = Object.entries(expressions).map(
    ([name, code]) => `${JSON.stringify(name)}: await attempt(async () => { ${code} })`,
  )
  return `const fs = require('fs'), net = require('net'), cp = require('child_process'), os = require('os'), dgram = require('dgram')
const attempt = async (work) => { try { return await work() } catch (e) { return 'ERR ' + (e.code ?? e.message) } }
const connect = (where) => new Promise((resolve) => {
  const s = net.connect(where, () => { s.destroy(); resolve('connected') })
  s.on('error', (e) => resolve('ERR ' + e.code)); s.setTimeout(2000, () => { s.destroy(); resolve('ERR timeout') }) })
exports.handler = async (event) => ({ ${rows.join(',\n')} })\n`
}

/**
 * A Python function that makes raw system calls, by number, and answers `errno` names. `apart`: each in a process of its own,
 * where some of them would succeed and change what the next may do.
 */
export const SYSCALLS = `import ctypes, errno, os
libc = ctypes.CDLL(None, use_errno=True)
def call(args):
    ctypes.set_errno(0)
    own = os.getpid()
    result = libc.syscall(*[ctypes.c_long(a) for a in args])
    if os.getpid() != own:
        os._exit(0)  # the child of a clone that succeeded
    return "ok" if result >= 0 else errno.errorcode.get(ctypes.get_errno(), "?")
def call_apart(args):
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, call(args).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as said:
        told = said.read()
    os.waitpid(child, 0)
    return told
def handler(event, context):
    make = call_apart if event.get("apart") else call
    return {name: make(args) for name, args in event["calls"].items()}
`

/** Calls that the filter refuses, all with EPERM but clone3 (ENOSYS): the number on x86-64, then arguments that do no harm. */
export const HOSTILE_CALLS: Readonly<Record<string, readonly number[]>> = {
  unshare_user: [272, 0x10000000],
  unshare_mount: [272, 0x20000],
  clone_newuser: [56, 0x10000000 | 17, 0, 0, 0, 0],
  clone3: [435, 0, 0],
  setns: [308, 0, 0],
  mount: [165, 0, 0, 0, 0, 0],
  umount: [166, 0, 0],
  pivot_root: [155, 0, 0],
  chroot: [161, 0],
  ptrace: [101, 16, 0, 0, 0],
  process_vm_readv: [310, 1, 0, 0, 0, 0, 0],
  keyctl: [250, 0, 0, 0],
  add_key: [248, 0, 0, 0, 0],
  bpf: [321, 0, 0, 0],
  perf_event_open: [298, 0, 0, 0, 0, 0],
  io_uring_setup: [425, 1, 0],
  userfaultfd: [323, 0],
  kexec_load: [246, 0, 0, 0, 0],
  init_module: [175, 0, 0, 0],
  finit_module: [313, 0, 0, 0],
  reboot: [169, 0, 0, 0],
  quotactl: [179, 0, 0, 0, 0],
  clock_settime: [227, 0, 0],
  sethostname: [170, 0, 0],
  swapon: [167, 0, 0],
  tiocsti: [16, 0, 0x5412, 0],
  raw_socket: [41, 17, 3, 0],
  packet_socket: [41, 17, 2, 0],
  audit_netlink: [41, 16, 3, 9],
  vsock: [41, 40, 1, 0],
  x32_getpid: [0x40000000 + 39],
  open_by_handle: [304, 0, 0, 0],
  fsopen: [430, 0, 0],
}
