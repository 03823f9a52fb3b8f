import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

import { SANDBOX_GID, SANDBOX_UID } from '../constants.ts'
import { RUNTIME_DIR, TASK_ROOT } from '../environment-variables.ts'
import type { SandboxStart } from './maker.ts'
import type { Piece } from './view.ts'

/** The sandbox's first process, since an OCI runtime brings none: one of the programs under /var/runtime. */
const INIT = 'init.sh'
/** What tells of the machine, or does something to it. Paths that a kernel has not are passed over. */
const MASKED = 'acpi asound kcore keys latency_stats sched_debug scsi timer_list timer_stats'
const READ_ONLY = ['bus', 'fs', 'irq', 'sys', 'sysrq-trigger']
const NAMESPACES = ['user', 'mount', 'pid', 'network', 'ipc', 'uts', 'cgroup']

/** Writes an OCI bundle (runtime-spec 1.0): a root of empty directories and links, and what is mounted on it. */
export function writeBundle(
  dir: string,
  start: SandboxStart,
  { uid, filter }: { readonly uid: number; readonly filter: Buffer | undefined },
): void {
  const root = join(dir, 'root')
  mkdirSync(root, { recursive: true, mode: 0o755 })
  for (const piece of start.view) makePlace(root, piece)
  const config = ociConfig(start, uid, filter)
  writeFileSync(join(dir, 'config.json'), JSON.stringify(config), { mode: 0o600 })
}

function makePlace(root: string, piece: Piece): void {
  const place = join(root, piece.path)
  if (piece.kind !== 'link') return void mkdirSync(place, { recursive: true, mode: 0o755 })
  mkdirSync(dirname(place), { recursive: true, mode: 0o755 })
  symlinkSync(piece.target, place)
}

/**
 * The same filter as elsewhere, byte for byte: the specification's own form cannot say what is to become of calls by another
 * ABI's numbers. A version of crun that does not know the annotation applies none, which the driver's probe sees.
 */
function ociConfig(start: SandboxStart, uid: number, filter: Buffer | undefined): object {
  const sets = ['bounding', 'effective', 'inheritable', 'permitted', 'ambient']
  return {
    ociVersion: '1.0.0',
    hostname: 'sandbox',
    root: { path: 'root', readonly: true },
    process: {
      terminal: false,
      user: { uid: SANDBOX_UID, gid: SANDBOX_GID, additionalGids: [] },
      args: ['/bin/sh', `${RUNTIME_DIR}/${INIT}`, ...start.command],
      // The command's own come when it starts: no variable makes the first process load code (RULES §8).
      env: ['PATH=/usr/bin:/bin'],
      cwd: TASK_ROOT,
      noNewPrivileges: true,
      capabilities: Object.fromEntries(sets.map((set) => [set, []])),
    },
    mounts: start.view.flatMap(mountsOf),
    linux: {
      namespaces: NAMESPACES.map((type) => ({ type })),
      uidMappings: [{ containerID: SANDBOX_UID, hostID: uid, size: 1 }],
      gidMappings: [{ containerID: SANDBOX_GID, hostID: uid, size: 1 }],
      // What is mounted later where code is awaited comes in; nothing goes out.
      rootfsPropagation: 'rslave',
      maskedPaths: MASKED.split(' ').map((name) => `/proc/${name}`),
      readonlyPaths: READ_ONLY.map((name) => `/proc/${name}`),
    },
    annotations:
      filter === undefined ? {} : { 'run.oci.seccomp_bpf_data': filter.toString('base64') },
  }
}

interface Mount {
  readonly destination: string
  readonly type: string
  readonly source: string
  readonly options: readonly string[]
}

function mountsOf(piece: Piece): Mount[] {
  const { path } = piece
  switch (piece.kind) {
    case 'shown':
      return [mount(path, 'bind', 'rbind,rslave,ro,nosuid,nodev', piece.from)]
    case 'writable':
      return [mount(path, 'bind', 'rbind,rslave,rw,nosuid,nodev', piece.from)]
    case 'processes':
      return [mount(path, 'proc', 'nosuid,noexec,nodev')]
    case 'devices':
      return [
        mount(path, 'tmpfs', 'nosuid,noexec,mode=755,size=64k,ro'),
        mount(`${path}/pts`, 'devpts', 'nosuid,noexec,newinstance,ptmxmode=0666,mode=0620'),
        mount(`${path}/shm`, 'tmpfs', 'nosuid,noexec,nodev,mode=755,size=4k,ro'),
      ]
    case 'link':
    case 'directory':
      return []
  }
}

function mount(destination: string, type: string, options: string, source = type): Mount {
  return { destination, type, source, options: options.split(',') }
}
