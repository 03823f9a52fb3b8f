import { release } from 'node:os'
import { closeSync, fsyncSync, openSync, rmSync, statSync, statfsSync, writeSync } from 'node:fs'
import { join } from 'node:path'

import { byteCount } from '../byte-count.ts'
import { partialPath } from '../files.ts'
import type { Check } from './check.ts'

/** The oldest Node that is tested. */
const NODE_FLOOR = [20, 20, 2] as const
/** Below this a service works, but not for long: an upload alone may be 250 MB unpacked. */
const DISK_WARNING_BYTES = 2_000_000_000
/** Below this the service refuses changes. */
const DISK_FLOOR_BYTES = 200_000_000

export function checkVersions(node = process.versions): readonly Check[] {
  const own = node.node.split('.').map(Number)
  const at = NODE_FLOOR.findIndex((part, index) => part !== own[index])
  const isOld = at >= 0 && (own[at] ?? 0) < (NODE_FLOOR[at] ?? 0)
  const floor = NODE_FLOOR.join('.')
  return [
    {
      name: 'node',
      status: isOld ? 'failed' : 'ok',
      found: `${node.node}, OpenSSL ${node.openssl}`,
      ...(isOld && { fix: `Lacre wants Node ${floor} or newer` }),
    },
    {
      name: 'system',
      status: 'ok',
      found: `${process.platform} ${process.arch}, kernel ${release()}`,
    },
  ]
}

/** The disk that the data directory lies on: its free space, and whether a write reaches it. */
export function checkDisk(directory: string): Check {
  const { bavail, bsize } = statfsSync(directory)
  const freeBytes = bavail * bsize
  const found = `${byteCount(freeBytes)} free`
  const fix = 'make room: `lacre gc` takes away what nothing needs, LACRE_LOGS_BYTES bounds logs'
  const unwritable = writeFault(directory)
  if (unwritable !== undefined)
    return {
      name: 'disk',
      status: 'failed',
      found: `${found}; not writable: ${unwritable}`,
      fix: `let this user write to ${directory}`,
    }
  if (freeBytes < DISK_FLOOR_BYTES) return { name: 'disk', status: 'failed', found, fix }
  if (freeBytes < DISK_WARNING_BYTES) return { name: 'disk', status: 'warning', found, fix }
  return { name: 'disk', status: 'ok', found: `${found}, writable` }
}

/** Writes, syncs and removes a file; the system's code where that fails. */
function writeFault(directory: string): string | undefined {
  const path = partialPath(join(directory, '.doctor'))
  try {
    const file = openSync(path, 'wx', 0o600)
    try {
      writeSync(file, 'lacre')
      fsyncSync(file)
    } finally {
      closeSync(file)
      rmSync(path, { force: true })
    }
    return undefined
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error)
  }
}

const SECRETS = ['admin.json', 'master.key'] as const

/** Who can read the secrets of a data directory, and whether the master key lies beside what it seals. */
export function checkKeys(directory: string): readonly Check[] {
  const found = SECRETS.flatMap((file) => {
    const mode = modeOf(join(directory, file))
    return mode === undefined ? [] : [{ file, mode }]
  })
  const open = found.filter(({ mode }) => (mode & 0o077) !== 0)
  const checks: Check[] = [
    open.length > 0
      ? {
          name: 'keys',
          status: 'failed',
          found: `others may read ${open.map(({ file }) => file).join(', ')}`,
          fix: `chmod 600 ${open.map(({ file }) => join(directory, file)).join(' ')}`,
        }
      : {
          name: 'keys',
          status: 'ok',
          found: found.length === 0 ? 'no service has run there yet' : 'for their owner alone',
        },
  ]
  if (found.some(({ file }) => file === 'master.key'))
    checks.push({
      name: 'master key',
      status: 'warning',
      found: 'beside the data that it seals',
      fix: 'keep it elsewhere: `lacre key create-master`, serve --master-key-file (docs/backup.md)',
    })
  return checks
}

function modeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.mode
}
