import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { lacreCommand, startService, type Service } from './service.ts'

const SERVICE_ADDRESS = '10.77.1.1'
export const HOST_ADDRESS = '10.77.1.2'
/** Both ends of one cable, of which the other is handed over. */
const START = `set -e
mount --bind "$1" /etc/hosts
shift
ip link set lo up
ip link add near type veth peer name far
ip addr add ${SERVICE_ADDRESS}/24 dev near
ip link set near up
exec "$@"`

/** Needs root, and a kernel with namespaces and cables between them. */
export const canHaveOwnNetwork =
  process.getuid?.() === 0 &&
  spawnSync('unshare', ['--net', 'ip', 'link', 'add', 'near', 'type', 'veth', 'peer', 'name', 'far']).status === 0 // prettier-ignore

/**
 * A place without any network but one cable: at its near end services are started, at its far end there is one host. Names
 * are those of a hosts file of its own, looked up as the system does.
 */
export class OwnNetwork implements AsyncDisposable {
  readonly dir = mkdtempSync(join(tmpdir(), 'lacre-network-'))
  #service: Service | undefined
  #host: ChildProcess | undefined

  constructor(hosts: Readonly<Record<string, readonly string[]>>) {
    const lines = Object.entries(hosts).map(([address, names]) => `${address} ${names.join(' ')}`)
    writeFileSync(join(this.dir, 'hosts'), `127.0.0.1 localhost\n${lines.join('\n')}\n`)
    const subject = ['-subj', '/CN=x.test', '-keyout', 'key.pem', '-out', 'cert.pem', '-days', '2']
    const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
    run('openssl', ['req', '-x509', ...kind, ...subject], this.dir)
  }

  /** The service of before is stopped; the data directory stays. */
  async start(args: readonly string[]): Promise<Service> {
    await this.#stop()
    const hosts = join(this.dir, 'hosts')
    const wrapper = ['unshare', '--net', '--mount', 'sh', '-c', START, 'sh', hosts]
    const service = await startService({ data: join(this.dir, 'data'), args, wrapper })
    this.#service = service
    const program = fileURLToPath(new URL('egress-host.mjs', import.meta.url))
    const command = ['--net', process.execPath, program, 'key.pem', 'cert.pem']
    const host = spawn('unshare', command, { cwd: this.dir, stdio: ['ignore', 'pipe', 'inherit'] })
    this.#host = host
    await once(host.stdout, 'data')
    const far = String(host.pid)
    this.#near(['ip', 'link', 'set', 'far', 'netns', far])
    const there = ['--net', '--target', far, '--', 'ip']
    run('nsenter', [...there, 'addr', 'add', `${HOST_ADDRESS}/24`, 'dev', 'far'])
    run('nsenter', [...there, 'link', 'set', 'far', 'up'])
    return service
  }

  /** The compiled command beside the service, where it has to succeed; what `--json` printed. */
  lacre<T>(args: readonly string[]): T {
    return JSON.parse(this.lacreText([...args, '--json'])) as T
  }

  lacreText(args: readonly string[]): string {
    return this.#near([process.execPath, lacreCommand, ...args, '--data', join(this.dir, 'data')])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop()
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 5 })
  }

  #near(command: readonly string[]): string {
    return run('nsenter', ['--net', '--target', String(this.#service?.pid), '--', ...command])
  }

  async #stop(): Promise<void> {
    if (this.#host !== undefined && this.#host.exitCode === null) {
      this.#host.kill('SIGKILL')
      await once(this.#host, 'exit')
    }
    await this.#service?.stop()
    this.#host = undefined
    this.#service = undefined
  }
}

function run(command: string, args: readonly string[], cwd?: string): string {
  const { status, stdout, stderr } = spawnSync(command, args, {
    encoding: 'utf8',
    ...(cwd !== undefined && { cwd }),
    env: { PATH: process.env['PATH'] },
  })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${status}\n${stdout}${stderr}`)
  return stdout
}
