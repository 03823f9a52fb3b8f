import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** One request, sent again and again. */
export interface Shot {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface Load {
  readonly requestsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Answers that were none, or of a status of 400 and more. */
  readonly errors: number
}

export interface LoadOptions {
  readonly connections: number
  readonly seconds: number
  /** What a connection waits before each request: less than all that the server could take. */
  readonly pauseMs?: number
}

interface Result {
  readonly requests: number
  readonly us: number
  readonly errors: number
  readonly p50: number
  readonly p99: number
}

/** Load by Debian's `wrk`, one thread. @throws Error where it cannot be run */
export async function wrk(shot: Shot, options: LoadOptions): Promise<Load> {
  const dir = mkdtempSync(join(tmpdir(), 'lacre-wrk-'))
  try {
    const script = join(dir, 'shot.lua')
    writeFileSync(script, toLua(shot, options.pauseMs))
    const { connections, seconds } = options
    const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '-s', script, shot.url]
    const { stdout } = await run('wrk', args)
    const line = stdout.split('\n').find((text) => text.startsWith('RESULT '))
    if (line === undefined) throw new Error(`wrk gave no result: ${stdout}`)
    const { requests, us, errors, p50, p99 } = JSON.parse(line.slice('RESULT '.length)) as Result
    return {
      requestsPerSecond: (requests * 1e6) / us,
      p50Ms: p50 / 1_000,
      p99Ms: p99 / 1_000,
      errors,
    }
  } finally {
    rmSync(dir, { recursive: true })
  }
}

function toLua({ headers, body }: Shot, pauseMs: number | undefined): string {
  const set = Object.entries(headers).map(
    ([name, value]) => `wrk.headers[ ${quote(name)} ] = ${quote(value)}`,
  )
  const pause =
    pauseMs === undefined ? [] : [`function delay() return math.random(0, ${2 * pauseMs}) end`]
  return [
    'wrk.method = "POST"',
    `wrk.body = ${quote(body)}`,
    ...set,
    ...pause,
    'done = function(summary, latency)',
    '  local e = summary.errors',
    '  io.write(string.format(',
    '    "RESULT {\\"requests\\":%d,\\"us\\":%d,\\"errors\\":%d,\\"p50\\":%d,\\"p99\\":%d}\\n",',
    '    summary.requests, summary.duration, e.status + e.connect + e.read + e.write + e.timeout,',
    '    latency:percentile(50), latency:percentile(99)))',
    'end',
  ].join('\n')
}

/** Lua's long brackets: nothing inside means anything, and what we send holds no `]==]`. */
function quote(text: string): string {
  return `[==[${text}]==]`
}
