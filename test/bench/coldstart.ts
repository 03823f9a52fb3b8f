import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { ReleaseSpec } from '../../services/model/index.ts'
import { canBubblewrap, nodeFunction, RuntimeBench } from '../support/runtime.ts'
import type { Figure } from './run.ts'
import { median, quantile } from './statistics.ts'

const ROUNDS = 30
/** MEASUREMENTS: what an interpreter of each language costs alone, with nothing in its environment. */
const BARE = { node: [process.execPath, 'index.js'], python: ['python3', 'app.py'] } as const
const LARGE_FILES = 3_000
const LARGE_FILE_BYTES = 6_500

/**
 * From the request to the first answer of a function with nothing warm, in the sandbox, from nothing and with an environment
 * that waits for its code, beside a bare start of the same interpreter to its first line; a function of 3,000 files and 19 MB beside its own loading; and its activation.
 */
export async function coldstartBench(): Promise<readonly Figure[]> {
  const isolation = canBubblewrap ? 'bubblewrap' : 'process'
  const dir = mkdtempSync(join(tmpdir(), 'lacre-bench-'))
  try {
    writeFileSync(join(dir, 'index.js'), 'process.stdout.write("1")\n')
    writeFileSync(join(dir, 'app.py'), 'print(1)\n')
    const maxEnvironments = ROUNDS + 2
    await using bench = await RuntimeBench.open({ isolation, maxEnvironments })
    await using warmed = await RuntimeBench.open({ isolation, maxEnvironments, prewarmed: 1 })
    const languages = [
      ['node', await specIn(bench, 'node'), await specIn(warmed, 'node')],
      ['python', await specIn(bench, 'python'), await specIn(warmed, 'python')],
    ] as const
    const times = { node: rows(), python: rows() }
    for (let round = -1; round < ROUNDS; round += 1)
      for (const [language, spec, lateSpec] of languages) {
        const bare = await timed(async () => await firstOutput(BARE[language], dir))
        const functionId = `fn-${language}-${round}`
        const cold = await timed(async () => await bench.invoke({ ...spec, functionId }, {}))
        await warmed.prewarmed()
        const late = await timed(async () => await warmed.invoke({ ...lateSpec, functionId }, {}))
        if (round < 0) continue
        times[language].bare.push(bare)
        times[language].cold.push(cold)
        times[language].late.push(late)
      }
    return [
      ...(['node', 'python'] as const).flatMap((language) => told(language, times[language])),
      ...(await largeFunction(bench)),
    ]
  } finally {
    rmSync(dir, { recursive: true })
  }
}

async function specIn(bench: RuntimeBench, language: 'node' | 'python'): Promise<ReleaseSpec> {
  if (language === 'node') return await bench.spec(nodeFunction('return event'))
  const files = { 'app.py': 'def handler(event, context): return event\n' }
  return await bench.spec(files, { runtime: 'python3.11', handler: 'app.handler' })
}

interface Rows {
  readonly bare: number[]
  readonly cold: number[]
  readonly late: number[]
}

function rows(): Rows {
  return { bare: [], cold: [], late: [] }
}

function told(what: string, { bare, cold, late }: Rows): Figure[] {
  const ms = (name: string, value: number): Figure => ({
    name: `${what}: ${name}`,
    value: Number(value.toFixed(1)),
    unit: 'ms',
  })
  const [own, alone] = [median(cold), median(bare)]
  return [
    ms('bare start, p50', alone),
    ms('first answer in the sandbox, p50', own),
    ms('first answer in the sandbox, p95', quantile(cold, 0.95)),
    {
      name: `${what}: first answer / bare start`,
      value: Number((own / alone).toFixed(2)),
      unit: '×',
    },
    ms('first answer in the sandbox, pre-warmed, p50', median(late)),
    ms('first answer in the sandbox, pre-warmed, p95', quantile(late, 0.95)),
    {
      name: `${what}: first answer, pre-warmed / bare start`,
      value: Number((median(late) / alone).toFixed(2)),
      unit: '×',
    },
  ]
}

/** What is loaded file by file: 3,000 modules that the handler requires. */
async function largeFunction(bench: RuntimeBench): Promise<Figure[]> {
  const filler = `// ${'x'.repeat(LARGE_FILE_BYTES)}\n`
  const modules = Array.from({ length: LARGE_FILES }, (_, at) => `lib/m${at}.js`)
  const files = Object.fromEntries(
    modules.map((name, at) => [name, `${filler}module.exports = ${at}\n`]),
  )
  const spec = await bench.spec({
    ...files,
    'index.js': `const start = process.hrtime.bigint()
for (let at = 0; at < ${LARGE_FILES}; at += 1) require('./lib/m' + at + '.js')
const ms = Number(process.hrtime.bigint() - start) / 1e6
exports.handler = async () => ms
`,
  })
  const activationMs = await timed(async () => await bench.runtime.prepare(spec))
  const own: number[] = []
  const cold: number[] = []
  for (let round = -1; round < ROUNDS / 3; round += 1) {
    const fresh = { ...spec, functionId: `fn-large-${round}` }
    let loadMs = 0
    const ms = await timed(async () => {
      const { json } = await bench.invoke(fresh, {})
      loadMs = Number(json)
    })
    if (round < 0) continue
    own.push(loadMs)
    cold.push(ms)
  }
  const row = (name: string, value: number, unit: string): Figure => ({
    name: `19 MB in ${LARGE_FILES} files: ${name}`,
    value: Number(value.toPrecision(3)),
    unit,
  })
  return [
    row('unpacked, hashed and compared', activationMs, 'ms'),
    row('its own loading, p50', median(own), 'ms'),
    row('first answer, p50', median(cold), 'ms'),
    row('first answer / own loading', median(cold) / median(own), '×'),
  ]
}

/** Until the interpreter has run its one line. */
async function firstOutput(
  [file, ...args]: readonly [string, ...string[]],
  cwd: string,
): Promise<void> {
  const env = { PATH: '/usr/bin:/bin' }
  const child = spawn(file, args, { cwd, env, stdio: ['ignore', 'pipe', 'ignore'] })
  await new Promise((resolve) => child.stdout.once('data', resolve))
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}
