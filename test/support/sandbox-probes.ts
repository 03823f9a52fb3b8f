import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

// services/runtime/constants.ts
const UID_BASE = 1_900_000_000
const UID_BLOCKS = 3_000
const UID_BLOCK_SIZE = 65_536

/** What of one runtime's environments is on this machine: processes by uid, cgroups of spawners that are gone, mounts. */
export interface Leftovers {
  readonly processes: readonly string[]
  readonly cgroups: readonly string[]
  readonly mounts: readonly string[]
}

export const NOTHING: Leftovers = { processes: [], cgroups: [], mounts: [] }

export function leftovers(uidFraction: number): Leftovers {
  return {
    processes: sandboxProcesses(uidFraction),
    cgroups: staleCgroups('/sys/fs/cgroup', 0),
    mounts: mountsOf(),
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

/** A Python function that makes raw system calls, by number, and answers `errno` names. */
export const SYSCALLS = `import ctypes, errno, os
libc = ctypes.CDLL(None, use_errno=True)
def handler(event, context):
    out = {}
    for name, args in event["calls"].items():
        ctypes.set_errno(0)
        result = libc.syscall(*[ctypes.c_long(a) for a in args])
        out[name] = "ok" if result >= 0 else errno.errorcode.get(ctypes.get_errno(), "?")
    return out
`
