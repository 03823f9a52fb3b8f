// Runs dependency-cruiser and refuses a run that saw nothing (an unsupported compiler makes it pass on 0 modules).
import { spawnSync } from 'node:child_process'

const run = spawnSync(
  process.execPath,
  [
    'node_modules/dependency-cruiser/bin/dependency-cruise.mjs',
    '--config',
    '.dependency-cruiser.mjs',
    '--output-type',
    'json',
    'services',
    'cli',
    'migrations',
  ],
  { encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 },
)
const { summary } = JSON.parse(run.stdout)
for (const { rule, from, to } of summary.violations) console.error(`${rule.name}: ${from} → ${to}`)
if (summary.totalCruised === 0) {
  console.error('no modules were seen')
  process.exit(1)
}
console.log(`${summary.totalCruised} modules, ${summary.violations.length} violations`)
process.exit(summary.violations.length > 0 ? 1 : 0)
