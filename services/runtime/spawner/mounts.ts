import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** The mounts that every start needs. Everything is mounted nosuid and nodev. */
export interface Mounts {
  /** Shows a directory at another path, read-only. */
  bindReadOnly(from: string, to: string): Promise<void>
  /** Shows a mount once more, with the flags that it has. */
  repeat(from: string, to: string): Promise<void>
  tmpfs(path: string, options: string): Promise<void>
  /** At once for whoever looks; what is in use goes with its last user. */
  unmount(path: string): Promise<void>
  close(): void
}

/** A process of mount(8) for each: some 3 ms. */
export const slowMounts: Mounts = {
  bindReadOnly: (from, to) => mount('--bind', '-o', 'ro,nosuid,nodev', from, to),
  repeat: (from, to) => mount('--bind', from, to),
  tmpfs: (path, options) =>
    mount('-t', 'tmpfs', '-o', `${options},nosuid,nodev`, 'lacre-tmp', path),
  unmount: async (path) => void (await run('umount', ['--lazy', path])),
  close: () => undefined,
}

async function mount(...args: readonly string[]): Promise<void> {
  await run('mount', args)
}

/** mount(2) and umount2(2), where Node has neither: numbers of the system calls. */
const CALLS: Readonly<Record<string, readonly [mount: number, umount: number]>> = {
  x64: [165, 166],
  arm64: [40, 39],
}
const MS_RDONLY = 1
const MS_NOSUID = 2
const MS_NODEV = 4
const MS_REMOUNT = 32
const MS_BIND = 4_096
const MNT_DETACH = 2

/**
 * Perl makes system calls by number, and every Debian has it. One order a line, of a letter, flags and words in hex; one
 * answer a line, an errno or 0. It ends with its standard input.
 */
const HELPER = String.raw`
$| = 1; $0 = 'lacre-mounts';
my ($mount, $umount) = map { $_ + 0 } splice @ARGV, 0, 2;
while (<STDIN>) {
  my ($order, $flags, @words) = split;
  @words = map { pack 'H*', $_ } @words;
  $flags += 0;
  my $failed = $order eq 'm'
    ? syscall($mount, $words[0], $words[1], $words[2], $flags, $words[3])
    : syscall($umount, $words[0], $flags);
  print $failed < 0 ? $! + 0 : 0, "\n";
}
`
const NONE = '\0'

/** Through one process kept for it: some 0.1 ms each. A helper that ends, or that this machine has not, leaves mount(8). */
export async function openMounts(): Promise<Mounts> {
  const calls = CALLS[process.arch]
  if (calls === undefined) return slowMounts
  const helper = new MountHelper(calls)
  // Asked for what cannot be: that it answers is what matters.
  const answer = await helper.order('u', 0, NONE).catch(() => undefined)
  return answer === undefined ? slowMounts : new HelpedMounts(helper)
}

class HelpedMounts implements Mounts {
  readonly #helper: MountHelper

  constructor(helper: MountHelper) {
    this.#helper = helper
  }

  async bindReadOnly(from: string, to: string): Promise<void> {
    if (this.#helper.ended) return slowMounts.bindReadOnly(from, to)
    // A bind takes its flags from where it was bound from; they are set by mounting it anew.
    const flags = MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV
    const bound = this.#mount([from, to, NONE, NONE], MS_BIND)
    const closed = this.#mount([NONE, to, NONE, NONE], flags)
    const [bind, close] = await Promise.allSettled([bound, closed])
    if (bind.status === 'rejected') throw bind.reason
    if (close.status === 'fulfilled') return
    await this.unmount(to)
    throw close.reason
  }

  async repeat(from: string, to: string): Promise<void> {
    if (this.#helper.ended) return slowMounts.repeat(from, to)
    await this.#mount([from, to, NONE, NONE], MS_BIND)
  }

  async tmpfs(path: string, options: string): Promise<void> {
    if (this.#helper.ended) return slowMounts.tmpfs(path, options)
    await this.#mount(['lacre-tmp', path, 'tmpfs', options], MS_NOSUID | MS_NODEV)
  }

  async unmount(path: string): Promise<void> {
    if (this.#helper.ended) return slowMounts.unmount(path)
    check('umount', path, await this.#helper.order('u', MNT_DETACH, path))
  }

  close(): void {
    this.#helper.close()
  }

  async #mount(
    words: readonly [from: string, to: string, type: string, data: string],
    flags: number,
  ) {
    check('mount', words[1], await this.#helper.order('m', flags, ...words))
  }
}

function check(call: string, path: string, errno: number): void {
  if (errno !== 0) throw new Error(`${call} of ${path} failed with errno ${errno}`)
}

class MountHelper {
  readonly #process: ChildProcess
  readonly #waiting: { resolve(errno: number): void; reject(cause: Error): void }[] = []
  #rest = ''
  ended = false

  constructor([mountCall, umountCall]: readonly [mount: number, umount: number]) {
    const args = ['-e', HELPER, String(mountCall), String(umountCall)]
    this.#process = spawn('/usr/bin/perl', args, {
      stdio: ['pipe', 'pipe', 'ignore'],
      env: {},
      cwd: '/',
    })
    const end = (): void => this.#end()
    this.#process.once('error', end)
    this.#process.once('exit', end)
    this.#process.stdin?.on('error', end)
    this.#process.stdout?.setEncoding('latin1').on('data', (text: string) => this.#take(text))
  }

  /** @throws Error when the helper ended before it answered: whether it was done, nobody knows */
  order(letter: 'm' | 'u', flags: number, ...words: readonly string[]): Promise<number> {
    const hex = words.map((word) => Buffer.from(word).toString('hex'))
    return new Promise((resolve, reject) => {
      if (this.ended) return reject(new Error('the mount helper ended'))
      this.#waiting.push({ resolve, reject })
      this.#process.stdin?.write(`${letter} ${flags} ${hex.join(' ')}\n`)
    })
  }

  close(): void {
    this.#process.stdin?.end()
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) this.#waiting.shift()?.resolve(Number(line))
  }

  #end(): void {
    this.ended = true
    for (const waiting of this.#waiting.splice(0))
      waiting.reject(new Error('the mount helper ended'))
  }
}
