// npm run mutation [-- --changed [BASE]] [-- --mutate FILE,…]: Stryker over the folders below, or over the lines of them
// that differ from BASE: where this branch left main, or LACRE_MUTATION_BASE, or else the last commits. Without such lines
// there is nothing to do. Says the score of each folder at the end.
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'

/** Those whose tests are quick enough to ask for each change: a run over the changed lines takes no others. */
const QUICK = ['trust', 'artifact', 'ledger']
const isChanged = process.argv.includes('--changed')
const NAMES = isChanged ? QUICK : [...QUICK, 'policy']
const FOLDERS = NAMES.map((name) => `services/${name}`)
const REPORT = 'reports/mutation/mutation.json'
const BREAK_PERCENT = 90
/** Of so few changed lines that one mutant is more than a tenth, this many may live. */
const ALLOWED_SURVIVORS = 3
/** What is mutated in some minutes; of the last commits as many as stay below. */
const CHANGED_LINES_LIMIT = 300
const COMMITS_LIMIT = 20

const git = (...args) => execFileSync('git', args, { encoding: 'utf8' }).trim()

/** `[file, first, last]` for each run of lines that are new or changed. */
function changedRanges(base) {
  const ranges = []
  let file
  for (const line of git('diff', '--unified=0', '--no-color', base, '--', ...FOLDERS).split('\n')) {
    if (line.startsWith('+++ ')) file = line.slice('+++ b/'.length)
    const [, first, count = '1'] = /^@@ -\S+ \+(\d+)(?:,(\d+))? @@/.exec(line) ?? []
    if (first === undefined || count === '0' || !file.endsWith('.ts')) continue
    if (file.endsWith('/index.ts')) continue
    ranges.push([file, Number(first), Number(first) + Number(count) - 1])
  }
  return ranges
}

const linesOf = (ranges) => ranges.reduce((sum, [, first, last]) => sum + last - first + 1, 0)

/** Where this branch left main; on main itself as many of the last commits as the limit of lines allows. */
function defaultBase() {
  const known = process.env.LACRE_MUTATION_BASE
  if (known) return known
  const main = spawnSync('git', ['merge-base', 'HEAD', 'main'], { encoding: 'utf8' })
  const head = git('rev-parse', 'HEAD')
  if (main.status === 0 && main.stdout.trim() !== head) return main.stdout.trim()
  const [newest, ...before] = git(
    'rev-list',
    '--first-parent',
    '-n',
    `${COMMITS_LIMIT + 1}`,
    'HEAD',
  ).split('\n')
  const fits = (commit) => linesOf(changedRanges(commit)) <= CHANGED_LINES_LIMIT
  return before.findLast(fits) ?? before[0] ?? newest
}

/** The first runs of lines up to the limit, and says what it leaves out. */
function withinLimit(ranges) {
  const kept = []
  let left = CHANGED_LINES_LIMIT
  for (const [file, first, last] of ranges) {
    if (left <= 0) break
    const end = Math.min(last, first + left - 1)
    kept.push([file, first, end])
    left -= end - first + 1
  }
  if (left <= 0)
    console.log(`of ${linesOf(ranges)} changed lines the first ${linesOf(kept)} are mutated`)
  return kept
}

/** Killed or timed out, of all that were tried or that no test reaches; what runs only while modules load is neither. */
function judge(allowedSurvivors) {
  const { files } = JSON.parse(readFileSync(REPORT, 'utf8'))
  let failed = false
  for (const folder of FOLDERS) {
    const mutants = Object.entries(files)
      .filter(([file]) => file.startsWith(`${folder}/`))
      .flatMap(([, file]) => file.mutants)
    const count = (...statuses) => mutants.filter(({ status }) => statuses.includes(status)).length
    const [dead, alive] = [count('Killed', 'Timeout'), count('Survived', 'NoCoverage')]
    if (dead + alive === 0) continue
    const percent = (100 * dead) / (dead + alive)
    console.log(
      `${folder}: ${percent.toFixed(2)} % (${dead} of ${dead + alive} died; ${count('Ignored')} not tried)`,
    )
    failed ||= percent < BREAK_PERCENT && alive > allowedSurvivors
  }
  return failed ? 1 : 0
}

const args = process.argv.slice(2)
const at = args.indexOf('--changed')
if (at >= 0) {
  const given = args[at + 1]?.startsWith('--') ? undefined : args[at + 1]
  const base = given ?? defaultBase()
  const ranges = changedRanges(base)
  if (ranges.length === 0) {
    console.log(`no line of ${FOLDERS.join(' or ')} differs from ${base}: nothing to mutate`)
    process.exit(0)
  }
  const mutate = withinLimit(ranges).map(([file, first, last]) => `${file}:${first}-${last}`)
  args.splice(at, given === undefined ? 1 : 2, '--mutate', mutate.join(','))
}
rmSync(REPORT, { force: true })
const env = { ...process.env, LACRE_MUTATION_FOLDERS: NAMES.join() }
const { status } = spawnSync('npx', ['stryker', 'run', ...args], { stdio: 'inherit', env })
process.exit(status === 0 ? judge(isChanged ? ALLOWED_SURVIVORS : 0) : (status ?? 1))
