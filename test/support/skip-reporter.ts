import type { Reporter, TestCase, TestModule, Vitest } from 'vitest/node'

/** Why tests stand back where their condition gives no words of its own. */
const WHY: readonly (readonly [RegExp, string])[] = [
  [
    /^test\/vectors\/|recorded/,
    'the foreign cases are not there: set LACRE_VECTORS to their folder',
  ],
  [
    /foreign-tools/,
    'an archiver is not installed: zip, unzip, p7zip-full, libarchive-tools, python3',
  ],
  [/pkcs11/, 'a software token is not there: install softhsm2 and opensc, and let pkcs11js build'],
  [/openssl|kms/, 'openssl is not installed'],
  [/runtime-ric/, 'needs `npm ci` in test/clients/ric, and bubblewrap or crun for their drivers'],
  [
    /foreign-runtimes/,
    'needs bubblewrap and root, and its language: curl, go, ruby, javac with jlink',
  ],
  [/extensions|telemetry/, 'needs bubblewrap and root, and curl'],
  [/runtime|layers|sandbox/, 'bubblewrap or crun cannot run here: install them and run as root'],
  [/bodies/, 'needs `npm run build`'],
]

/** Says at the end what was skipped and why: a test that did not run must not look like one that passed. */
// oxlint-disable-next-line import/no-default-export -- vitest loads reporters by their default export
export default class SkipReporter implements Reporter {
  #filtered = false

  onInit(vitest: Vitest): void {
    this.#filtered = vitest.config.testNamePattern !== undefined
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    const skipped = modules.flatMap((module) => [...module.children.allTests('skipped')])
    if (this.#filtered || skipped.length === 0) return
    console.log(`\nskipped: ${skipped.length}`)
    const places = new Map<string, TestCase[]>()
    for (const test of skipped) {
      const reason = reasonOf(test)
      places.set(reason, [...(places.get(reason) ?? []), test])
    }
    for (const [reason, tests] of places) {
      console.log(`  ${reason}`)
      for (const test of tests)
        console.log(`    ${test.module.relativeModuleId} > ${test.fullName}`)
    }
  }
}

function reasonOf(test: TestCase): string {
  const { state, ...result } = test.result()
  if (state === 'skipped' && 'note' in result && result.note !== undefined) return result.note
  const failed = [test.module, test.parent].some(
    (one) => 'errors' in one && one.errors().length > 0,
  )
  if (failed) return 'what it needs could not be set up'
  const place = test.module.relativeModuleId
  return (
    WHY.find(([where]) => where.test(place))?.[1] ?? 'its condition does not hold: see the test'
  )
}
