// A test runner for Stryker that loads the tests once, and calls for each mutant those that reach it, in this process.
// Stryker's own for vitest starts vitest and loads all modules anew for each: 3 s, of which the tests were a hundredth.
// https://stryker-mutator.io/docs/stryker-js/guides/create-a-plugin/
import { readdir } from 'node:fs/promises'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

import { register } from 'tsx/esm/api'

/** What the instrumented sources look at: the active mutant, hits, and whose coverage is counted. */
const stryker = (globalThis.__stryker__ ??= {})
/** A test that waits for what its mutant never does. */
const TEST_TIMEOUT_MS = 20_000
/** How many tests are remembered for having killed a mutant, to be asked first. */
const KILLERS_LIMIT = 50

class WarmRunner {
  static inject = ['options']
  #options
  #vitest
  #files = new Map()
  #tests = new Map()
  #costMs = new Map()
  #lastKillers = []
  #unsteady = new Set()

  constructor({ warmRunner }) {
    this.#options = warmRunner
  }

  /** What runs only while modules load is left out (`ignoreStatic`), so there is nothing to be loaded anew for. */
  capabilities() {
    return { reloadEnvironment: true }
  }

  /** Loads all tests here, where no clock of Stryker runs: time in the first run would be given to each mutant on top. */
  async init() {
    // A mutant may leave behind what fails later. That is no answer of a test.
    process.on('unhandledRejection', () => undefined)
    process.on('uncaughtException', () => undefined)
    register()
    this.#vitest = await loadVitest()
    for (const path of await this.#paths()) {
      const [file] = await this.#vitest.collect(path)
      if (file.result?.state === 'fail') throw new Error(`${path}: ${file.result.errors[0].stack}`)
      const hooks = this.#vitest.hooksOf(file)
      for (const before of hooks.beforeAll) await before(file)
      this.#files.set(file, hooks)
      for (const { name, run } of this.#vitest.testsOf(file))
        this.#tests.set(`${path}#${name}`, { name, run, fileName: path })
    }
  }

  async dispose() {
    for (const [file, { afterAll }] of this.#files) for (const after of afterAll) await after(file)
  }

  async #paths() {
    const { include, exclude } = this.#options
    const without = new Set(exclude.map((path) => resolve(path)))
    const folders = await Promise.all(
      include.map(async (folder) =>
        (await readdir(folder, { recursive: true })).map((name) => resolve(folder, name)),
      ),
    )
    return folders.flat().filter((path) => path.endsWith('.test.ts') && !without.has(path))
  }

  /** Every test without a mutant: what it takes and what it reaches. */
  async dryRun() {
    const tests = []
    for (const [id, { name, fileName }] of this.#tests) {
      stryker.currentTestId = id
      const failureMessage = await this.#failureOf(id)
      stryker.currentTestId = undefined
      const told = { id, name, fileName, timeSpentMs: this.#costMs.get(id) }
      tests.push(
        failureMessage === undefined
          ? { ...told, status: 0 }
          : { ...told, status: 1, failureMessage },
      )
    }
    return { status: 'complete', tests, mutantCoverage: stryker.mutantCoverage }
  }

  async mutantRun({ activeMutant, testFilter, hitLimit }) {
    const begun = process.cpuUsage()
    let nrOfTests = 0
    for (const id of this.#likelyFirst(testFilter)) {
      if (!this.#tests.has(id) || this.#unsteady.has(id)) continue
      const { user, system } = process.cpuUsage(begun)
      if ((user + system) / 1_000 > this.#options.budgetMs) break
      Object.assign(stryker, { activeMutant: activeMutant.id, hitLimit, hitCount: 0 })
      const failureMessage = await this.#failureOf(id)
      const hits = stryker.hitCount
      Object.assign(stryker, { activeMutant: undefined, hitLimit: undefined, hitCount: undefined })
      nrOfTests += 1
      if (hits > hitLimit)
        return { status: 'timeout', reason: `hit ${hits} times, of ${hitLimit} at most` }
      if (failureMessage === undefined) continue
      // What fails without the mutant, too, is out of step with the clock or with what a mutant before left behind.
      if ((await this.#failureOf(id)) !== undefined) {
        this.#unsteady.add(id)
        continue
      }
      const others = this.#lastKillers.filter((other) => other !== id)
      this.#lastKillers = [id, ...others].slice(0, KILLERS_LIMIT)
      return { status: 'killed', killedBy: [id], failureMessage, nrOfTests }
    }
    return { status: 'survived', nrOfTests }
  }

  async #failureOf(id) {
    const started = performance.now()
    try {
      await this.#tests.get(id).run()
      return undefined
    } catch (error) {
      return String(error?.stack ?? error)
    } finally {
      this.#costMs.set(id, performance.now() - started)
    }
  }

  /** What killed mutants just now, latest first, unless others take less; then what takes least. */
  #likelyFirst(ids) {
    const rank = (id) => {
      const at = this.#lastKillers.indexOf(id)
      const costMs = this.#costMs.get(id) ?? 0
      return at < 0 ? costMs : Math.min(costMs, at / 1_000)
    }
    const ranks = new Map(ids.map((id) => [id, rank(id)]))
    return ids.toSorted((a, b) => ranks.get(a) - ranks.get(b))
  }
}

/** vitest's own `test`, `describe` and `expect` without its processes: they need to know no more than this. */
async function loadVitest() {
  const config = {
    root: process.cwd(),
    setupFiles: [],
    testTimeout: TEST_TIMEOUT_MS,
    hookTimeout: TEST_TIMEOUT_MS,
    retry: 0,
    maxConcurrency: 1,
    sequence: { shuffle: false, concurrent: false, hooks: 'stack', setupFiles: 'list', seed: 0 },
    snapshotOptions: { expand: false },
    expect: {},
    tags: [],
    strictTags: false,
    allowOnly: false,
    chaiConfig: {},
  }
  globalThis.__vitest_worker__ = {
    config,
    ctx: {},
    filepath: '',
    metaEnv: process.env,
    durations: {},
  }
  const { collectTests } = await import('vitest/internal/browser')
  const { TestRunner } = await import('vitest')
  const runner = {
    config,
    pool: 'mutation',
    viteEnvironment: 'ssr',
    importFile: (path) => import(pathToFileURL(path).href),
  }
  /** The tests of a suite that are to run, each with what comes before it; hooks around nested suites have no place here. */
  const testsOf = (suite, names = [], before = []) => {
    const hooks = [...before, ...TestRunner.getSuiteHooks(suite).beforeEach]
    return suite.tasks.flatMap((task) => {
      const path = [...names, task.name]
      if (task.mode !== 'run' && task.mode !== 'queued') return []
      if (task.type === 'suite') return testsOf(task, path, hooks)
      const run = async () => {
        for (const hook of hooks) await hook(task.context, task.suite)
        await TestRunner.getTestFn(task)()
      }
      return [{ name: path.join(' > '), run }]
    })
  }
  return {
    collect: (path) => collectTests([path], runner),
    hooksOf: TestRunner.getSuiteHooks,
    testsOf,
  }
}

export const strykerPlugins = [{ kind: 'TestRunner', name: 'warm', injectableClass: WarmRunner }]
/** The settings that are this runner's, under `warmRunner`. */
export const strykerValidationSchema = { properties: { warmRunner: { type: 'object' } } }
