import type { Check } from '../doctor/index.ts'

const FIXES: readonly (readonly [RegExp, string])[] = [
  [/bubblewrap|bwrap/i, 'apt-get install bubblewrap'],
  [
    /cgroup|memory|pids/i,
    'let the service write cgroups: run as root, or `Delegate=yes` in its unit',
  ],
  [/namespace/i, 'allow user namespaces (kernel.unprivileged_userns_clone), or run as root'],
]

/** What functions would run in here: probed by a sandbox that is started. */
export async function checkIsolation(): Promise<readonly Check[]> {
  try {
    // Imported here: nobody else of the command needs the database and the runtime.
    const { probeIsolation } = await import('../../services/main.ts')
    const { driver, isolation, missing, freezer, runtimes } = await probeIsolation()
    return [
      {
        name: 'isolation',
        status: isolation === 'full' ? 'ok' : isolation === 'partial' ? 'warning' : 'failed',
        found: `${isolation}, by ${driver}${missing.length === 0 ? '' : `; missing: ${missing.join(', ')}`}`,
        ...(isolation !== 'full' && { fix: fixOf(missing) }),
      },
      {
        name: 'freezer',
        status: freezer ? 'ok' : 'warning',
        found: freezer
          ? 'environments are frozen between invocations'
          : 'environments run on between invocations',
      },
      {
        name: 'runtimes',
        status: runtimes.served.length > 0 ? 'ok' : 'failed',
        found: `${runtimes.served.length} of ${runtimes.all.length}: ${runtimes.served.join(', ')}`,
      },
    ]
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error)
    return [
      {
        name: 'isolation',
        status: 'failed',
        found,
        fix: 'run it as root, or as the user of the service',
      },
    ]
  }
}

function fixOf(missing: readonly string[]): string {
  const fixes = FIXES.filter(([what]) => missing.some((one) => what.test(one))).map(
    ([, fix]) => fix,
  )
  return fixes.length === 0 ? 'see docs/isolation.md' : `${fixes.join('; ')} (docs/isolation.md)`
}
