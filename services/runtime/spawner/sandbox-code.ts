import { basename, dirname } from 'node:path'

import { envelopeText } from '../envelope.ts'
import type { LatePoints } from './late-points.ts'
import type { CodeArrival } from './protocol.ts'
import type { Stage } from './stage.ts'

/** Where the code of one sandbox lies: from its start on, or once it has arrived. It arrives once, and stays. */
export class SandboxCode {
  /** The host's path that the sandbox binds as its task root. */
  readonly task: string
  readonly #stage: Stage
  readonly #point: string | undefined
  #view: string | undefined
  #arriving: Promise<void> | undefined

  private constructor(stage: Stage, task: string, late: boolean) {
    this.#stage = stage
    this.task = task
    this.#point = late ? task : undefined
    this.#view = late ? undefined : task
  }

  static async open(stage: Stage, codeDir: string | undefined): Promise<SandboxCode> {
    if (codeDir !== undefined) return new SandboxCode(stage, await stage.tree(codeDir), false)
    return new SandboxCode(stage, points(stage).add(), true)
  }

  /** @throws Error unless this is the first code it gets, and that of its envelope */
  arrive(arrival: CodeArrival): Promise<void> {
    const point = this.#point
    if (point === undefined || this.#arriving !== undefined)
      return Promise.reject(new Error('the environment has its code'))
    this.#arriving = this.#show(point, arrival)
    return this.#arriving
  }

  /** Once nothing of the sandbox runs any more. */
  async close(): Promise<void> {
    await this.#arriving?.catch(() => undefined)
    if (this.#point !== undefined) await points(this.#stage).remove(this.#point)
    if (this.#view !== undefined) await this.#stage.release(this.#view)
  }

  async #show(point: string, { codeDir, envelope }: CodeArrival): Promise<void> {
    // Prepared trees lie under the digest of their package.
    if (basename(dirname(codeDir)) !== envelope.codeSha256)
      throw new Error('the code is not that of the envelope')
    this.#view = await this.#stage.tree(codeDir)
    await points(this.#stage).show(point, this.#view, envelopeText(envelope))
  }
}

function points(stage: Stage): LatePoints {
  if (stage.late === undefined) throw new Error('code cannot come late here')
  return stage.late
}
