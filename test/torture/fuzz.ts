// What comes in by a door is changed again and again, each door in a process that is watched from outside.
import { spawn, type ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import {
  HEAP_LIMIT_MB,
  IN_HAND_HEAD_BYTES,
  TIME_LIMIT_MS,
  type Failure,
  type Job,
  type Report,
} from './fuzz/protocol.ts'
import { targets } from './fuzz/targets.ts'
import { findVectors } from './vectors.ts'

const CORPUS = fileURLToPath(new URL('corpus/', import.meta.url))
const CHILD = fileURLToPath(new URL('fuzz/child.ts', import.meta.url))
const LOOK_MS = 100
/** What is no heap: buffers and the machinery of V8, beside what the process had before its first input. */
const RESIDENT_GROWTH_LIMIT_MB = HEAP_LIMIT_MB + 128
/** A process that dies is begun again with another seed, so often. */
const RESTARTS_LIMIT = 10
const CLOCK_TICK_MS = 10

export interface FuzzOptions {
  readonly n: number
  readonly seed: number
  readonly seconds?: number | undefined
  /** One alone. */
  readonly target?: string | undefined
}

/** Answers how many failures of different kinds were found. */
export async function torture({ n, seed, seconds, target }: FuzzOptions): Promise<number> {
  const names = Object.keys(targets).filter((name) => target === undefined || name === target)
  if (names.length === 0) throw new Error(`there is no target ${target ?? ''}`)
  const vectors = findVectors('fuzz')
  let [done, failed] = [0, 0]
  for (const name of names) {
    const found = await fuzzOne(name, { n, seed, seconds, vectors })
    done += found.done
    failed += found.failures.length
    console.log(
      `${name.padEnd(8)} ${found.done} mutants, ${found.told}, ${found.failures.length} failures`,
    )
    for (const failure of found.failures) keepFailure(name, failure)
  }
  console.log(`fuzz: ${done} done, ${failed} failed (seed ${seed})`)
  return failed
}

interface Found {
  done: number
  told: string
  readonly failures: Failure[]
}

async function fuzzOne(target: string, options: Omit<Job, 'target' | 'inHand'>): Promise<Found> {
  const dir = mkdtempSync(join(tmpdir(), 'lacre-fuzz-'))
  const inHand = join(dir, 'input')
  const found: Found = { done: 0, told: '', failures: [] }
  const began = performance.now()
  try {
    for (let tries = 0; tries < RESTARTS_LIMIT; tries += 1) {
      const { n, seconds } = options
      const spent = (performance.now() - began) / 1_000
      const left = { n: n - found.done, seconds: seconds && seconds - spent }
      if (left.n <= 0 || (left.seconds !== undefined && left.seconds <= 0)) break
      const job = { ...options, ...left, target, inHand, seed: options.seed + tries * 1_000_003 }
      if (await watch(job, found)) break
    }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
  return found
}

/** True where it came to its end by itself. */
async function watch(job: Job, found: Found): Promise<boolean> {
  const flags = [`--max-old-space-size=${HEAP_LIMIT_MB}`, '--import', 'tsx', CHILD]
  const child = spawn(process.execPath, [...flags, JSON.stringify(job)], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  const before = found.done
  let ended = false
  let complaints = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    complaints = (complaints + text).slice(-4_000)
  })
  child.on('message', (report: Report) => {
    if (report.kind === 'failure') return void found.failures.push(report.failure)
    found.done = before + report.done
    if (report.kind === 'progress') return
    ended = true
    const { inputs, outcomes, blocks } = report
    found.told = `${inputs} inputs kept, ${outcomes} outcomes, ${blocks} blocks beyond the seeds`
  })
  const watcher = new Watcher(child, job.inHand)
  const exit = await new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ?? `exit ${code}`))
  })
  watcher.stop()
  if (ended) return true
  const what = watcher.reason ?? `it ended the process: ${exit} ${lastLine(complaints)}`
  found.failures.push({ what, input: readInHand(job.inHand).toString('base64') })
  return false
}

/** Ends a process that is busy with one input for too long, or grows too large over it. */
class Watcher {
  readonly #child: ChildProcess
  readonly #inHand: string
  readonly #timer: NodeJS.Timeout
  reason: string | undefined
  #number = 0
  #sinceCpuMs = 0
  #baseMb: number | undefined

  constructor(child: ChildProcess, inHand: string) {
    this.#child = child
    this.#inHand = inHand
    this.#timer = setInterval(() => this.#look(), LOOK_MS)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    const number = numberInHand(this.#inHand)
    const now = statusOf(this.#child.pid ?? 0)
    if (number === 0 || now === undefined) return
    this.#baseMb ??= now.residentMb
    if (number !== this.#number) {
      this.#number = number
      this.#sinceCpuMs = now.cpuMs
    } else if (now.cpuMs - this.#sinceCpuMs > 2 * TIME_LIMIT_MS) {
      // The process itself tells of inputs that do come to an end.
      this.#kill(`it is busy for more than ${TIME_LIMIT_MS} ms`)
    }
    const grownMb = Math.round(now.residentMb - this.#baseMb)
    if (grownMb > RESIDENT_GROWTH_LIMIT_MB) this.#kill(`it takes ${grownMb} MB of memory`)
  }

  #kill(reason: string): void {
    this.reason ??= reason
    this.#child.kill('SIGKILL')
  }
}

function statusOf(
  pid: number,
): { readonly cpuMs: number; readonly residentMb: number } | undefined {
  try {
    // After the name, which may hold anything: field 3 is the first.
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ')
    const ticks = Number(fields[11]) + Number(fields[12])
    return { cpuMs: ticks * CLOCK_TICK_MS, residentMb: (Number(fields[21]) * 4_096) / 1_048_576 }
  } catch {
    return undefined
  }
}

function numberInHand(path: string): number {
  try {
    const head = readFileSync(path).subarray(0, IN_HAND_HEAD_BYTES)
    return head.length < IN_HAND_HEAD_BYTES ? 0 : head.readUInt32LE(0)
  } catch {
    return 0
  }
}

function readInHand(path: string): Buffer {
  const bytes = readFileSync(path)
  if (bytes.length < IN_HAND_HEAD_BYTES) return Buffer.alloc(0)
  return bytes.subarray(IN_HAND_HEAD_BYTES, IN_HAND_HEAD_BYTES + bytes.readUInt32LE(4))
}

function lastLine(text: string): string {
  const lines = text.split('\n').filter((line) => /Error|FATAL|fatal|Fatal|panicked/.test(line))
  return lines[0] ?? ''
}

/** A file that every later run of the tests tries again. */
function keepFailure(target: string, { what, input }: Failure): void {
  const bytes = Buffer.from(input, 'base64')
  const name = createHash('sha256').update(bytes).digest('hex').slice(0, 16)
  mkdirSync(join(CORPUS, target), { recursive: true })
  writeFileSync(join(CORPUS, target, name), bytes)
  console.log(
    `FAILED ${target}: ${what}; ${bytes.length} bytes kept as test/torture/corpus/${target}/${name}`,
  )
}
