// npm run mutation [-- --changed [BASE]] [-- --mutate FILE,…]: Stryker over trust and artifact, or over the lines of them
// that differ from BASE (default: where this branch left main). Without such lines there is nothing to do.
import { execFileSync, spawnSync } from 'node:child_process'

const FOLDERS = ['services/trust', 'services/artifact']
const git = (...args) => execFileSync('git', args, { encoding: 'utf8' }).trim()

/** `file:first-last` for each run of lines that are new or changed. */
function changedRanges(base) {
  const ranges = []
  let file
  for (const line of git('diff', '--unified=0', '--no-color', base, '--', ...FOLDERS).split('\n')) {
    if (line.startsWith('+++ ')) file = line.slice('+++ b/'.length)
    const [, first, count = '1'] = /^@@ -\S+ \+(\d+)(?:,(\d+))? @@/.exec(line) ?? []
    if (first === undefined || count === '0' || !file.endsWith('.ts')) continue
    if (file.endsWith('/index.ts')) continue
    ranges.push(`${file}:${first}-${Number(first) + Number(count) - 1}`)
  }
  return ranges
}

const args = process.argv.slice(2)
const at = args.indexOf('--changed')
if (at >= 0) {
  const given = args[at + 1]?.startsWith('--') ? undefined : args[at + 1]
  const base = given ?? git('merge-base', 'HEAD', 'main')
  const ranges = changedRanges(base)
  if (ranges.length === 0) {
    console.log(`no line of ${FOLDERS.join(' or ')} differs from ${base}: nothing to mutate`)
    process.exit(0)
  }
  args.splice(at, given === undefined ? 1 : 2, '--mutate', ranges.join(','))
}
const done = spawnSync('npx', ['stryker', 'run', ...args], { stdio: 'inherit' })
process.exit(done.status ?? 1)
