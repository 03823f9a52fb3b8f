import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** What one caller sends. */
export interface Volley {
  /** Whole requests as they go over the wire, in turns. */
  readonly requests: readonly string[]
  /** Clients that wait for each answer, or requests a second that wait for none. */
  readonly load: { readonly clients: number } | { readonly rate: number }
  /** How long a client waits after a 429; not at all where left out. */
  readonly restMs?: number
}

export interface Job {
  readonly port: number
  readonly seconds: number
  readonly volleys: readonly Volley[]
}

export interface Answer {
  /** Unix time. */
  readonly atMs: number
  /** From when it was due, or sent where nothing was due. */
  readonly tookMs: number
  /** 0 where none came; -429 for a 429 that is not in AWS's form. */
  readonly status: number
}

/** Sends volleys from a process of its own. */
export class Battery implements AsyncDisposable {
  readonly #child: ChildProcess = fork(fileURLToPath(new URL('gun.ts', import.meta.url)), {
    execArgv: ['--import', 'tsx'],
    serialization: 'advanced',
  })

  /** The answers of each volley, in the order they came. */
  async fire(job: Job): Promise<readonly (readonly Answer[])[]> {
    const answered = once(this.#child, 'message')
    this.#child.send(job)
    const [answers] = (await answered) as [readonly (readonly Answer[])[]]
    return answers
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#child, 'exit')
    this.#child.kill()
    await ended
  }
}
