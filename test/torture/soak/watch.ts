import { readFileSync, readdirSync } from 'node:fs'

const KIB = 1_024

/** What a service holds at an instant: itself and its spawner, the sandboxes left out. */
export interface Held {
  readonly rssBytes: number
  readonly descriptors: number
}

/** Looks at a service once a second until it is stopped. */
export class Watch {
  readonly samples: Held[] = []
  readonly #timer: NodeJS.Timeout

  constructor(pid: number, everyMs = 1_000) {
    const pids = [pid, ...childrenOf(pid)]
    this.#timer = setInterval(() => this.samples.push(heldBy(pids)), everyMs)
  }

  stop(): readonly Held[] {
    clearInterval(this.#timer)
    return this.samples
  }
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .split(' ')
    .filter(Boolean)
    .map(Number)
}

function heldBy(pids: readonly number[]): Held {
  const held = pids.map((pid) => {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    const rssKib = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0)
    return { rssBytes: rssKib * KIB, descriptors: readdirSync(`/proc/${pid}/fd`).length }
  })
  return {
    rssBytes: held.reduce((sum, one) => sum + one.rssBytes, 0),
    descriptors: held.reduce((sum, one) => sum + one.descriptors, 0),
  }
}
