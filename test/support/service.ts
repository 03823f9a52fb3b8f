import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import type { LambdaClient } from '@aws-sdk/client-lambda'

import { lambdaClient, readAdminFile, type AdminFile } from './client.ts'

export const projectRoot = fileURLToPath(new URL('../..', import.meta.url))
/** The compiled command: `npm run build` makes it. */
export const lacreCommand = join(projectRoot, 'dist/cli/main.js')

const READY_LIMIT_MS = 30_000
const STOP_LIMIT_MS = 20_000

export interface ServiceOptions {
  /** Without one a temporary directory is made, and removed at the end. */
  readonly data?: string
  /** More flags of `serve`. */
  readonly args?: readonly string[]
  /** Put before `node …`: `strace` and the like. */
  readonly wrapper?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** One `lacre serve` as a child process. */
export class Service implements AsyncDisposable {
  readonly data: string
  readonly #child: ChildProcess
  readonly #temporary: boolean
  #log = ''
  #out = ''
  readonly #end: Promise<Ended>
  readonly #readyMs: Promise<number>
  #ended: Ended | undefined

  constructor(options: ServiceOptions = {}) {
    this.#temporary = options.data === undefined
    this.data = options.data ?? mkdtempSync(join(tmpdir(), 'lacre-system-'))
    const argv = [
      ...(options.wrapper ?? []),
      process.execPath,
      lacreCommand,
      'serve',
      '--data',
      this.data,
      '--listen',
      '127.0.0.1:0',
      ...(options.args ?? []),
    ]
    const [command = process.execPath, ...args] = argv
    const startedAt = performance.now()
    // A group of its own, so that nothing of it can stay behind.
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      env: { PATH: process.env['PATH'], HOME: this.data, LACRE_LOG_LEVEL: 'warn', ...options.env },
    })
    this.#child = child
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#log += text))
    this.#readyMs = new Promise((resolve) => {
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        this.#out += text
        if (this.#urlOf() !== undefined) resolve(performance.now() - startedAt)
      })
    })
    this.#end = new Promise((resolve) => {
      child.once('error', (error) => {
        this.#log += String(error)
        this.#ended ??= { code: 127, signal: null }
        resolve(this.#ended)
      })
      child.once('exit', (code, signal) => {
        this.#ended ??= { code, signal }
        resolve(this.#ended)
      })
    })
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }
  get output(): string {
    return this.#out
  }
  get log(): string {
    return this.#log
  }
  get ended(): Ended | undefined {
    return this.#ended
  }
  get url(): string {
    const url = this.#urlOf()
    if (url === undefined) throw new Error(`the service does not listen yet\n${this.#log}`)
    return url
  }
  get admin(): AdminFile {
    return readAdminFile(this.data)
  }

  client(maxAttempts = 1): LambdaClient {
    return lambdaClient(this.admin, maxAttempts)
  }

  /** Until it listens; how long that took. @throws Error where it ended instead */
  async ready(): Promise<number> {
    const limit = new AbortController()
    const timeout = later(READY_LIMIT_MS, limit.signal).then(() => 'timeout' as const)
    try {
      const first = await Promise.race([this.#readyMs, this.#end, timeout])
      if (typeof first === 'number') return first
      const how = first === 'timeout' ? 'did not listen in time' : `ended: ${JSON.stringify(first)}`
      throw new Error(`the service ${how}\n${this.#log}`)
    } finally {
      limit.abort()
    }
  }

  async exited(): Promise<Ended> {
    return await this.#end
  }

  /** SIGTERM, as a supervisor does. */
  async stop(): Promise<Ended> {
    if (this.#ended === undefined) process.kill(this.pid, 'SIGTERM')
    const limit = new AbortController()
    const timeout = later(STOP_LIMIT_MS, limit.signal).then(() => undefined)
    const ended = await Promise.race([this.#end, timeout])
    limit.abort()
    if (ended !== undefined) return ended
    await this.kill9()
    throw new Error(`the service did not stop in ${STOP_LIMIT_MS} ms\n${this.#log}`)
  }

  /** SIGKILL to the service itself: what it started has to notice alone. */
  async kill9(): Promise<Ended> {
    if (this.#ended === undefined) process.kill(this.pid, 'SIGKILL')
    return await this.#end
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ended === undefined) await this.stop()
    if (this.#temporary) rmSync(this.data, { recursive: true, force: true, maxRetries: 5 })
  }

  #urlOf(): string | undefined {
    return /lacre listening on (\S+)/.exec(this.#out)?.[1]
  }
}

function later(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => clearTimeout(timer), { once: true })
  })
}

/** Starts one and waits until it answers. */
export async function startService(options: ServiceOptions = {}): Promise<Service> {
  const service = new Service(options)
  try {
    await service.ready()
  } catch (error) {
    if (service.ended === undefined) await service.kill9()
    throw error
  }
  return service
}
