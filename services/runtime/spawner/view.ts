import { existsSync, lstatSync, readdirSync, readlinkSync } from 'node:fs'
import { basename, dirname } from 'node:path'

import { LANG_DIR, OPT_ROOT, RUNTIME_DIR, TASK_ROOT } from '../environment-variables.ts'
import { shownInterpreters, type Interpreters } from '../interpreters.ts'
import type { EnvironmentSpec } from './protocol.ts'
import { isSupervised, SUPERVISOR } from './supervisor.ts'

/**
 * `/etc/java-17-openjdk` and its like, as they are when the spawner starts: a place is made for each in every sandbox, and
 * one that is installed later has none.
 */
export const JAVA_CONFIGURATIONS: readonly string[] = readdirSync('/etc')
  .filter((name) => /^java-\d+-openjdk$/.test(name))
  .map((name) => `/etc/${name}`)

/** Host paths of what one sandbox shows. */
export interface SandboxLayout {
  readonly task: string
  readonly opt: string | undefined
  readonly temporary: string
  /** Our small files: `etc`, `runtime`. */
  readonly own: string
  /** Interpreters that do not lie under /usr: path → host directory of the whole installation. */
  readonly languages: ReadonlyMap<string, string>
}

/** One thing that a sandbox sees, at a path of its own. The root around them, and /dev, are read-only. */
export type Piece =
  | { readonly kind: 'shown' | 'writable'; readonly from: string; readonly path: string }
  | { readonly kind: 'link'; readonly target: string; readonly path: string }
  | { readonly kind: 'directory' | 'processes' | 'devices'; readonly path: string }

/** All that a sandbox sees of a file system, whoever makes it; each comes on top of those before it. */
export function sandboxView(
  spec: EnvironmentSpec,
  layout: SandboxLayout,
  interpreters: Interpreters,
): Piece[] {
  const { task, opt, temporary, own, languages } = layout
  return [
    shown('/usr'),
    ...rootLinks(),
    { kind: 'processes', path: '/proc' },
    { kind: 'devices', path: '/dev' },
    shown('/etc', `${own}/etc`),
    // Debian keeps half of a JRE in the last.
    ...['/etc/ssl/certs', '/etc/alternatives', ...JAVA_CONFIGURATIONS]
      .filter((path) => existsSync(path))
      .map((path) => shown(path)),
    shown(TASK_ROOT, task),
    opt === undefined ? { kind: 'directory', path: OPT_ROOT } : shown(OPT_ROOT, opt),
    shown(RUNTIME_DIR, `${own}/runtime`),
    ...languagePieces(languages, shownInterpreters(interpreters, spec.interpreter)),
    { kind: 'writable', from: temporary, path: '/tmp' },
  ]
}

/** The runtime's own, or that of the shell that starts extensions first. */
export function sandboxCommand(spec: EnvironmentSpec): readonly string[] {
  return isSupervised(spec)
    ? ['/bin/sh', `${RUNTIME_DIR}/${SUPERVISOR}`, ...spec.command]
    : spec.command
}

/** The directory to show for an interpreter that /usr does not show already. */
export function installationOf(path: string): string | undefined {
  return path.startsWith('/usr/') ? undefined : dirname(dirname(path))
}

function shown(path: string, from = path): Piece {
  return { kind: 'shown', from, path }
}

/** /bin, /lib and the like: links into /usr on merged systems, directories on others. */
function rootLinks(): Piece[] {
  return ['/bin', '/sbin', '/lib', '/lib32', '/lib64'].flatMap((path): Piece[] => {
    const stat = lstatSync(path, { throwIfNoEntry: false })
    if (stat?.isSymbolicLink() === true) return [{ kind: 'link', target: readlinkSync(path), path }]
    return stat?.isDirectory() === true ? [shown(path)] : []
  })
}

/** /var/lang/bin/{node,python3,ruby,java}, wherever the machine has them. */
function languagePieces(
  languages: ReadonlyMap<string, string>,
  interpreters: readonly [name: string, path: string][],
): Piece[] {
  const pieces: Piece[] = [{ kind: 'directory', path: `${LANG_DIR}/bin` }]
  for (const [name, found] of interpreters) {
    const own = languages.get(found)
    const target = own === undefined ? found : `${LANG_DIR}/${name}/bin/${basename(found)}`
    if (own !== undefined) pieces.push(shown(`${LANG_DIR}/${name}`, own))
    pieces.push({ kind: 'link', target, path: `${LANG_DIR}/bin/${name}` })
  }
  return pieces
}
