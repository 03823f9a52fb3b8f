// A test runner for Stryker that loads the tests once, and calls for each mutant those that reach it, in this process.
// Stryker's own for vitest starts vitest and loads all modules anew for each: 3 s, of which the tests were a hundredth.
// https://stryker-mutator.io/docs/stryker-js/guides/create-a-plugin/
import { readdir } from 'node:fs/promises'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

import { register } from 'tsx/esm/api'

const stryker = (globalThis.__stryker__ ??= {})
const TEST_TIMEOUT_MS = 5_000
class WarmRunner {
  static inject = ['options']
  #files = new Map()
  #lastKillers = []
  #cost = new Map()
  #unsteady = new Set()
  #vitest

  constructor({ warmRunner }) {
    this.#include = warmRunner.include
    this.#budgetMs = warmRunner.budgetMs
    this.#exclude = new Set(warmRunner.exclude.map((path) => resolve(path)))
  }
  #include
  #exclude
  #budgetMs

  /** What runs only while modules load is left out (`ignoreStatic`), so there is nothing to be loaded anew for. */
  capabilities() {
    return { reloadEnvironment: true }
  }

  async init() {
    // A mutant may leave a promise that nobody waits for. That it was rejected is no answer of a test.
    process.on('unhandledRejection', () => undefined)
    process.on('uncaughtException', (error) => console.error('thrown outside of a test', error))
    register()
    this.#vitest = await loadVitest()
    // Here, where no clock of Stryker runs: time that goes into loading would be given to each mutant on top.
    for (const path of await this.#paths()) await this.#load(path)
  }

  /** The tests of a file by their ids; its module is evaluated once. */
  async #load(path) {
    const known = this.#files.get(path)
    if (known !== undefined) return known
    const [file] = await this.#vitest.collect(path)
    if (file.result?.state === 'fail') throw new Error(`${path}: ${file.result.errors[0].stack}`)
    const tests = new Map(
      flatten(file, { names: [], before: [] }).map((test) => [`${path}#${test.name}`, test]),
    )
    const loaded = { file, tests, hooks: this.#vitest.getHooks(file) }
    for (const before of loaded.hooks.beforeAll) await before(file)
    this.#files.set(path, loaded)
    return loaded
  }

  async #paths() {
    const folders = await Promise.all(
      this.#include.map(async (folder) =>
        (await readdir(folder, { recursive: true })).map((name) => resolve(folder, name)),
      ),
    )
    return folders.flat().filter((path) => path.endsWith('.test.ts') && !this.#exclude.has(path))
  }

  async dryRun() {
    const results = []
    for (const [path, { tests }] of this.#files) {
      for (const [id, test] of tests) {
        stryker.currentTestId = id
        const started = performance.now()
        const failure = await failureOf(test.run)
        const timeSpentMs = performance.now() - started
        stryker.currentTestId = undefined
        this.#cost.set(id, timeSpentMs)
        const { name } = test
        const told = { id, name, timeSpentMs, fileName: path }
        results.push(
          failure === undefined
            ? { ...told, status: 0 }
            : { ...told, status: 1, failureMessage: failure },
        )
      }
    }
    return { status: 'complete', tests: results, mutantCoverage: stryker.mutantCoverage }
  }

  async mutantRun({ activeMutant, testFilter, hitLimit }) {
    let ran = 0
    const begun = process.cpuUsage()
    for (const id of this.#likelyFirst(testFilter)) {
      if (this.#unsteady.has(id)) continue
      const { user, system } = process.cpuUsage(begun)
      if ((user + system) / 1000 > this.#budgetMs) break
      const test = this.#files.get(id.slice(0, id.indexOf('#')))?.tests.get(id)
      if (test === undefined) continue
      Object.assign(stryker, { activeMutant: activeMutant.id, hitLimit, hitCount: 0 })
      const started = performance.now()
      const failure = await failureOf(test.run)
      this.#cost.set(id, performance.now() - started)
      const hits = stryker.hitCount
      Object.assign(stryker, { activeMutant: undefined, hitCount: undefined })
      ran += 1
      if (hits > hitLimit)
        return { status: 'timeout', reason: `hit ${hits} times, of ${hitLimit} at most` }
      if (failure === undefined) continue
      // What fails without the mutant, too, is out of step with the clock or with what a mutant before left behind.
      if ((await failureOf(test.run)) !== undefined) {
        this.#unsteady.add(id)
        continue
      }
      this.#lastKillers = [id, ...this.#lastKillers.filter((other) => other !== id)].slice(0, 50)
      return { status: 'killed', killedBy: [id], failureMessage: failure, nrOfTests: ran }
    }
    return { status: 'survived', nrOfTests: ran }
  }

  async dispose() {
    for (const { file, hooks } of this.#files.values())
      for (const after of hooks.afterAll) await after(file)
  }

  /** What killed mutants just now, latest first; then what takes least. */
  #likelyFirst(ids) {
    const rank = (id) => {
      const at = this.#lastKillers.indexOf(id)
      const cost = this.#cost.get(id) ?? 0
      return at < 0 ? cost : Math.min(cost, at / 1000)
    }
    const ranks = new Map(ids.map((id) => [id, rank(id)]))
    return ids.toSorted((a, b) => ranks.get(a) - ranks.get(b))
  }
}

async function failureOf(run) {
  try {
    await run()
    return undefined
  } catch (error) {
    return String(error?.stack ?? error)
  }
}

/** vitest's own `test`, `describe` and `expect`, without its processes: they need to know no more than this. */
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
  const { getFn, getHooks } = await import('vitest/suite')
  const runner = {
    config,
    pool: 'mutation',
    viteEnvironment: 'ssr',
    importFile: (path) => import(pathToFileURL(path).href),
  }
  Object.assign(vitest, { getFn, getHooks })
  return { collect: (path) => collectTests([path], runner), getHooks }
}
const vitest = { getFn: undefined }

function flatten(suite, { names, before }) {
  const hooks = [...before, ...vitest.getHooks(suite).beforeEach]
  return suite.tasks.flatMap((task) => {
    const path = [...names, task.name]
    if (task.mode !== 'run' && task.mode !== 'queued') return []
    if (task.type === 'suite') return flatten(task, { names: path, before: hooks })
    const run = async () => {
      for (const hook of hooks) await hook(task.context, task.suite)
      await vitest.getFn(task)()
    }
    return [{ name: path.join(' > '), run }]
  })
}

export const strykerPlugins = [{ kind: 'TestRunner', name: 'warm', injectableClass: WarmRunner }]
