import { spawn, type ChildProcess } from 'node:child_process'
import type { Socket } from 'node:net'

/**
 * A connection into a sandbox's network, made by a process that has joined nothing of it but that. Both ends are this
 * process's own descriptors: no byte comes by here. Says that it is connected by one byte (HELLO_ACK), is over when either
 * side closes.
 */
const RELAY =
  'exec 3<>"/dev/tcp/127.0.0.1/$1" 4<&0 || exit 1; printf "\\006"; { cat <&4 >&3; kill $$; } & exec cat <&3'

/** The connections into one sandbox. */
export class Relays {
  readonly #pid: number | undefined
  readonly #uid: number | undefined
  readonly #running = new Set<ChildProcess>()

  constructor(pid: number | undefined, uid: number | undefined) {
    this.#pid = pid
    this.#uid = uid
  }

  /** Bash, since a shell's own sockets need no other program there; as the environment's user, who may do nothing here. */
  connect(port: number, outside: Socket): void {
    if (this.#pid === undefined) return void outside.destroy()
    const join = ['--target', String(this.#pid), '--net', '--']
    const identity = this.#uid === undefined ? [] : [`--reuid=${this.#uid}`, `--regid=${this.#uid}`]
    const powers = ['--clear-groups', '--no-new-privs', '--inh-caps=-all', '--bounding-set=-all']
    const relay = ['/bin/bash', '-c', RELAY, 'lacre-relay', String(port)]
    const args = [...join, 'setpriv', ...identity, ...powers, '--', ...relay]
    const child = spawn('nsenter', args, {
      stdio: [outside, outside, 'ignore'],
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
      cwd: '/',
      detached: true,
    })
    this.#running.add(child)
    child.on('error', () => this.#running.delete(child))
    child.once('exit', () => {
      this.#running.delete(child)
      endGroup(child)
    })
    // The relay has its own copy. Closed, not shut down: the connection lives on in it.
    outside.destroy()
  }

  end(): void {
    for (const child of this.#running) endGroup(child)
  }
}

/** All of it: the half that waits for the other side, too. */
function endGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
  } catch {
    // already gone
  }
}
