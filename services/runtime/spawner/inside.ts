import { spawn, type ChildProcess } from 'node:child_process'
import type { Socket } from 'node:net'

/**
 * A connection into a sandbox's network, made by a process that has joined nothing of it but that. Both ends are this
 * process's own descriptors: no byte comes by here. Says that it is connected by one byte (HELLO_ACK), is over when either
 * side closes.
 */
const RELAY =
  'exec 3<>"/dev/tcp/127.0.0.1/$1" 4<&0 || exit 1; printf "\\006"; { cat <&4 >&3; kill $$; } & exec cat <&3'

/** Bash, since a shell's own sockets need no other program there; as the environment's user, who may do nothing here. */
export function relayInside(
  target: { readonly pid: number; readonly uid: number | undefined },
  port: number,
  outside: Socket,
): ChildProcess {
  const join = ['--target', String(target.pid), '--net', '--']
  const identity =
    target.uid === undefined ? [] : [`--reuid=${target.uid}`, `--regid=${target.uid}`]
  const powers = ['--clear-groups', '--no-new-privs', '--inh-caps=-all', '--bounding-set=-all']
  const relay = ['/bin/bash', '-c', RELAY, 'lacre-relay', String(port)]
  const args = [...join, 'setpriv', ...identity, ...powers, '--', ...relay]
  const child = spawn('nsenter', args, {
    stdio: [outside, outside, 'ignore'],
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    cwd: '/',
    detached: true,
  })
  child.on('error', () => undefined)
  child.once('exit', () => endRelay(child))
  // The relay has its own copy. Closed, not shut down: the connection lives on in it.
  outside.destroy()
  return child
}

/** All of it: the half that waits for the other side, too. */
export function endRelay(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
  } catch {
    // already gone
  }
}
