import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'

import { openArtifact } from '../../services/artifact/index.ts'
import { openSource } from '../../services/blobs/index.ts'
import {
  bufferSource,
  LineCutter,
  sha256,
  systemClock,
  systemRandom,
  type ReleaseSpec,
  type Sha256,
} from '../../services/model/index.ts'
import {
  openRuntime,
  type InvokeOutcome,
  type Runtime,
  type RuntimeOptions,
} from '../../services/runtime/index.ts'
import type { RecordFacts } from '../../services/runtime/framed-logs.ts'
import type { DriverName } from '../../services/runtime/options.ts'
import { buildZip } from './zip-builder.ts'

/** A file by its content, or with a mode of its own (`0o120777` is a link to the content). */
export type TreeFile =
  string | Uint8Array | { readonly content: string | Uint8Array; readonly mode: number }
export type Files = Readonly<Record<string, TreeFile>>

/** A loaded machine takes its time. */
const PREWARMING_MS = 15_000
const PREWARMING_LOOK_MS = 5

export const quietLog = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
}

/** Whether this machine can hold the full sandbox; tests of it skip visibly where it cannot. */
export const canBubblewrap =
  process.getuid?.() === 0 && spawnSync('bwrap', ['--version']).status === 0
const canCrun = process.getuid?.() === 0 && spawnSync('crun', ['--version']).status === 0

/** Whether a driver can be tested here. */
export function canRun(driver: DriverName): boolean {
  return driver === 'process' || (driver === 'crun' ? canCrun : canBubblewrap)
}

export interface Outcome extends InvokeOutcome {
  readonly text: string
  readonly json: unknown
  readonly tail: string
}

/** A runtime on a temporary data directory, and functions for it. */
export class RuntimeBench implements AsyncDisposable {
  readonly runtime: Runtime
  readonly dataDir: string
  readonly lines: string[]
  /** Records that came framed; each is among the lines, too. */
  readonly records: readonly (RecordFacts & { readonly text: string })[]
  /** Which block of host uids this runtime gives out, in [0, 1): tells its processes from those of others. */
  readonly uidFraction: number

  private constructor(
    runtime: Runtime,
    dataDir: string,
    written: Pick<RuntimeBench, 'lines' | 'records'>,
    uidFraction: number,
  ) {
    this.runtime = runtime
    this.uidFraction = uidFraction
    this.dataDir = dataDir
    this.lines = written.lines
    this.records = written.records
  }

  static async open(
    options: Partial<RuntimeOptions> = {},
    dataDir = mkdtempSync(join(tmpdir(), 'lacre-rt-')),
  ): Promise<RuntimeBench> {
    mkdirSync(join(dataDir, 'test-blobs'), { recursive: true })
    const lines: string[] = []
    const records: (RecordFacts & { readonly text: string })[] = []
    const uidFraction = Math.random()
    const runtime = await openRuntime({
      dataDir,
      blobs: { open: (digest) => openSource(join(dataDir, 'test-blobs', digest)) },
      clock: systemClock,
      random: { ...systemRandom, fraction: () => uidFraction },
      isolation: 'process',
      requireIsolation: false,
      place: { account: '000000000000', region: 'us-east-1' },
      maxEnvironments: 8,
      log: quietLog,
      logs: {
        writerFor: () => {
          const cutter = new LineCutter((line) => lines.push(line))
          return (bytes, _requestId, record) => {
            if (record === undefined) return cutter.push(bytes)
            records.push({ text: Buffer.from(bytes).toString('utf8'), ...record })
            lines.push(Buffer.from(bytes).toString('utf8'))
          }
        },
      },
      ...options,
    })
    const bench = new RuntimeBench(runtime, dataDir, { lines, records }, uidFraction)
    if ((options.prewarmed ?? 0) > 0) await bench.#prewarm()
    return bench
  }

  /** Lets the runtime see the kinds of start that `spec` makes unless it is told otherwise, Node and Python. */
  async #prewarm(): Promise<void> {
    for (const options of [{}, { runtime: 'python3.11', handler: 'app.handler' }]) {
      const files = { ...nodeFunction(''), 'app.py': 'def handler(event, context): pass\n' }
      const spec = await this.spec(files, { ...options, functionId: 'fn-first' })
      await this.invoke(spec)
      await this.runtime.retire('fn-first', '1')
    }
    this.lines.length = 0
  }

  /** Until as many environments without code wait as are to. */
  async prewarmed(): Promise<void> {
    const until = performance.now() + PREWARMING_MS
    while (this.runtime.stats().prewarmed.missing > 0) {
      if (performance.now() > until) throw new Error('no environment without code came up')
      await new Promise((resolve) => setTimeout(resolve, PREWARMING_LOOK_MS))
    }
  }

  /** Stores a package as an admitted blob. */
  async package(files: Files): Promise<{ codeSha256: Sha256; tree: Sha256; sha256: Sha256 }> {
    const zip = buildZip({
      entries: Object.entries(files)
        .sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
        .map(([name, file]) => {
          if (typeof file === 'string' || file instanceof Uint8Array) return { name, content: file }
          return { name, content: file.content, mode: file.mode }
        }),
    })
    const { codeSha256, tree } = await openArtifact(bufferSource(zip))
    writeFileSync(join(this.dataDir, 'test-blobs', codeSha256), zip)
    return { codeSha256, tree, sha256: codeSha256 }
  }

  async spec(
    files: Files,
    options: Partial<Omit<ReleaseSpec, 'layers'>> & { readonly layers?: readonly Files[] } = {},
  ): Promise<ReleaseSpec> {
    const code = await this.package(files)
    const layers = []
    for (const [index, layer] of (options.layers ?? []).entries()) {
      const packed = await this.package(layer)
      layers.push({ arn: `arn:aws:lambda:us-east-1:000000000000:layer:l${index}:1`, ...packed })
    }
    const functionId = options.functionId ?? `fn-${randomUUID()}`
    return {
      functionId,
      functionName: 'probe',
      functionArn: 'arn:aws:lambda:us-east-1:000000000000:function:probe',
      version: '1',
      release: sha256(JSON.stringify([code, layers, options])),
      decisionId: 'dec-1',
      code,
      runtime: 'nodejs20.x',
      handler: 'index.handler',
      memoryMb: 256,
      timeoutSeconds: 10,
      ephemeralMb: 512,
      environment: {},
      ...options,
      layers,
    }
  }

  async invoke(
    spec: ReleaseSpec,
    event: unknown = {},
    requestId: string = randomUUID(),
  ): Promise<Outcome> {
    if (this.runtime.stats().prewarmed.missing > 0) await this.prewarmed()
    const outcome = await this.runtime.invoke(spec, {
      requestId,
      payload: Buffer.from(JSON.stringify(event)),
      invokedArn: `${spec.functionArn}:live`,
      tail: true,
      signal: new AbortController().signal,
    })
    const text = Buffer.from(outcome.payload).toString('utf8')
    return {
      ...outcome,
      text,
      tail: Buffer.from(outcome.logTail).toString('utf8'),
      get json(): unknown {
        return JSON.parse(text) as unknown
      },
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.runtime[Symbol.asyncDispose]()
    rmSync(this.dataDir, { recursive: true, force: true })
  }
}

/** A Node function of one expression over `event` and `context`. */
export function nodeFunction(body: string): Files {
  return { 'index.js': `exports.handler = async (event, context) => { ${body} }\n` }
}
