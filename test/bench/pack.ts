import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { packDirectory } from '../../cli/packaging/index.ts'
import type { Figure } from './run.ts'
import { median } from './statistics.ts'

const run = promisify(execFile)
const ROUNDS = 7
const ZIP_EPOCH_MS = 315_532_800_000

/** A folder like many a bundle has, and one like a `node_modules`. */
const FOLDERS = [
  { name: '1 MB in 20 files', files: 20, bytes: 50_000 },
  { name: '20 MB in 3,000 files', files: 3_000, bytes: 6_500 },
] as const

/** A directory packed into a reproducible zip, beside Debian's `zip` of the same, in turns; and what each came to. */
export async function packBench(): Promise<readonly Figure[]> {
  const dir = mkdtempSync(join(tmpdir(), 'lacre-bench-'))
  try {
    const found: Figure[] = []
    for (const folder of FOLDERS) found.push(...(await packFolder(dir, folder)))
    return found
  } finally {
    rmSync(dir, { recursive: true })
  }
}

async function packFolder(
  dir: string,
  { name, files, bytes }: (typeof FOLDERS)[number],
): Promise<Figure[]> {
  const directory = join(dir, String(files))
  for (let at = 0; at < files; at += 1) {
    const folder = join(directory, `d${at % 50}`)
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, `m${at}.js`), source(at, bytes))
  }
  const [output, peer] = [join(dir, 'ours.zip'), join(dir, 'zip.zip')]
  const times = { ours: [] as number[], zip: [] as number[] }
  for (let round = -1; round < ROUNDS; round += 1) {
    rmSync(output, { force: true })
    rmSync(peer, { force: true })
    const start = performance.now()
    await packDirectory({ directory, output, timeMs: ZIP_EPOCH_MS, store: false })
    const between = performance.now()
    await run('zip', ['-q', '-r', '-X', peer, '.'], { cwd: directory })
    const end = performance.now()
    if (round < 0) continue
    times.ours.push(between - start)
    times.zip.push(end - between)
  }
  const [ours, zip] = [median(times.ours), median(times.zip)]
  const figure = (what: string, value: number, unit: string): Figure => ({
    name: `${name}: ${what}`,
    value: Number(value.toPrecision(3)),
    unit,
  })
  return [
    figure('packed', ours, 'ms'),
    figure('by zip', zip, 'ms'),
    figure('packed / zip', ours / zip, '×'),
    figure('size / that of zip', statSync(output).size / statSync(peer).size, '×'),
  ]
}

/** Text that compresses about as code does. */
function source(seed: number, bytes: number): string {
  let text = ''
  for (let line = 0; text.length < bytes; line += 1)
    text += `const value${line} = compute(${(seed * 7_919 + line * 104_729) % 65_536}, 'name-${line % 37}')\n`
  return text
}
