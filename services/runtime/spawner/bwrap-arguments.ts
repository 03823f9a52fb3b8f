import { lstatSync, readdirSync, readlinkSync } from 'node:fs'
import { basename, dirname } from 'node:path'

import { DESCRIPTOR_LIMIT, SANDBOX_GID, SANDBOX_UID } from '../constants.ts'
import {
  LANG_DIR,
  OPT_ROOT,
  RUNTIME_DIR,
  sandboxVariables,
  TASK_ROOT,
} from '../environment-variables.ts'
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
  /** bubblewrap 0.8 and up. */
  readonly disableUserns: boolean
}

/**
 * Puts itself into each cgroup named before `--`, then becomes the command: limits hold before anything foreign is mounted
 * or run (RULES §8). A constant; what it works on are arguments.
 */
const ATTACH =
  'while [ "$1" != -- ]; do echo 0 > "$1/cgroup.procs" || exit 125; shift; done; shift; exec "$@"'

/** Everything before bwrap, run with an empty environment: cgroups, resource limits, then the environment's own uid. */
export function launcher(cgroups: readonly string[], uid: number | undefined): string[] {
  const attach = ['/bin/sh', '-c', ATTACH, 'lacre-attach', ...cgroups, '--']
  const files = `--nofile=${DESCRIPTOR_LIMIT}:${DESCRIPTOR_LIMIT}`
  const limits = ['prlimit', files, '--core=0:0', '--memlock=65536:65536', '--']
  if (uid === undefined) return [...attach, ...limits]
  // bwrap's own --uid maps to whoever started it: as root, host uid 0 (RULES §8).
  const identity = [`--reuid=${uid}`, `--regid=${uid}`, '--clear-groups']
  const powers = ['--no-new-privs', '--inh-caps=-all', '--bounding-set=-all']
  return [...attach, ...limits, 'setpriv', ...identity, ...powers, '--']
}

/**
 * Options of bwrap; they go through a descriptor, since a command line is for everyone on the host to read and these hold
 * the function's environment.
 */
export function sandboxOptions(
  spec: EnvironmentSpec,
  layout: SandboxLayout,
  interpreters: Interpreters,
): string[] {
  const options: (readonly string[])[] = [
    ['--unshare-all', '--unshare-user', '--new-session', '--die-with-parent'],
    layout.disableUserns ? ['--disable-userns'] : [],
    ['--clearenv', '--uid', String(SANDBOX_UID), '--gid', String(SANDBOX_GID)],
    ['--hostname', 'sandbox', '--ro-bind', '/usr', '/usr', ...rootLinks()],
    ['--proc', '/proc', '--dev', '/dev', '--remount-ro', '/dev'],
    ['--ro-bind', `${layout.own}/etc`, '/etc'],
    ['--ro-bind-try', '/etc/ssl/certs', '/etc/ssl/certs'],
    ['--ro-bind-try', '/etc/alternatives', '/etc/alternatives'],
    // Debian keeps half of a JRE there.
    ...JAVA_CONFIGURATIONS.map((path) => ['--ro-bind-try', path, path]),
    ['--ro-bind', layout.task, TASK_ROOT],
    layout.opt === undefined ? ['--dir', OPT_ROOT] : ['--ro-bind', layout.opt, OPT_ROOT],
    ['--ro-bind', `${layout.own}/runtime`, RUNTIME_DIR],
    languageOptions(layout.languages, shownInterpreters(interpreters, spec.interpreter)),
    ['--bind', layout.temporary, '/tmp', '--remount-ro', '/', '--chdir', TASK_ROOT],
    // A supervisor gets none: it sets them for what it starts, and no variable makes it load code (RULES §8).
    ...(isSupervised(spec) ? [] : Object.entries(sandboxVariables(spec.variables))).map(
      ([name, value]) => ['--setenv', name, value],
    ),
  ]
  return options.flat()
}

/** The runtime's own, or that of the shell that starts extensions first. */
export function sandboxCommand(spec: EnvironmentSpec): readonly string[] {
  return isSupervised(spec)
    ? ['/bin/sh', `${RUNTIME_DIR}/${SUPERVISOR}`, ...spec.command]
    : spec.command
}

/** /bin, /lib and the like: links into /usr on merged systems, directories on others. */
function rootLinks(): string[] {
  return ['/bin', '/sbin', '/lib', '/lib32', '/lib64'].flatMap((path) => {
    const stat = lstatSync(path, { throwIfNoEntry: false })
    if (stat?.isSymbolicLink() === true) return ['--symlink', readlinkSync(path), path]
    return stat?.isDirectory() === true ? ['--ro-bind', path, path] : []
  })
}

/** /var/lang/bin/{node,python3,ruby,java}, wherever the machine has them. */
function languageOptions(
  languages: ReadonlyMap<string, string>,
  shown: readonly [name: string, path: string][],
): string[] {
  const options = ['--dir', `${LANG_DIR}/bin`]
  for (const [name, found] of shown) {
    const own = languages.get(found)
    const target = own === undefined ? found : `${LANG_DIR}/${name}/bin/${basename(found)}`
    if (own !== undefined) options.push('--ro-bind', own, `${LANG_DIR}/${name}`)
    options.push('--symlink', target, `${LANG_DIR}/bin/${name}`)
  }
  return options
}

/** The directory to show for an interpreter that /usr does not show already. */
export function installationOf(path: string): string | undefined {
  return path.startsWith('/usr/') ? undefined : dirname(dirname(path))
}
