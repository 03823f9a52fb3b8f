import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'

import type { TestIssuer } from './authority.ts'
import { lacreCommand } from './service.ts'

/** One `lacre authority serve` as a child process. */
export class AuthorityProcess {
  readonly url: string
  readonly #child: ChildProcess
  readonly #stderr: () => string

  private constructor(child: ChildProcess, url: string, stderr: () => string) {
    this.#child = child
    this.url = url
    this.#stderr = stderr
  }

  static async start(
    data: string,
    issuer: TestIssuer,
    more: readonly string[] = [],
  ): Promise<AuthorityProcess> {
    const options = ['--data', data, '--listen', '127.0.0.1:0', '--oidc-issuer', issuer.url]
    const child = spawn(
      process.execPath,
      [
        lacreCommand,
        'authority',
        'serve',
        ...options,
        '--allow-insecure-http',
        issuer.url,
        ...more,
      ],
      { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env['PATH'] } },
    )
    let [out, err] = ['', '']
    child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
    const url = await new Promise<string>((resolve, reject) => {
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        out += text
        const found = /^lacre authority listening on (\S+)$/m.exec(out)?.[1]
        if (found !== undefined) resolve(found)
      })
      child.once('exit', (code) => reject(new Error(`the authority ended with ${code}\n${err}`)))
    })
    return new AuthorityProcess(child, url, () => err)
  }

  get stderr(): string {
    return this.#stderr()
  }

  /** The exit code, or null where a signal ended it. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null)
      return this.#child.exitCode
    const gone = once(this.#child, 'exit')
    this.#child.kill(signal)
    await gone
    return this.#child.exitCode
  }
}
