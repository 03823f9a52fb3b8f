import { mkdirSync } from 'node:fs'
import { resolve } from 'node:path'

import { recordKey } from './audit/index.ts'
import { ConsoleSessions, openAuthenticator, type Authenticator } from './auth/index.ts'
import { readRestored, removeRestored } from './backup/index.ts'
import { openBlobs } from './blobs/index.ts'
import { Closers, asyncOf } from './closers.ts'
import { dataPaths, masterKeyOptions, type Config } from './config.ts'
import { checkPlace, ensureAdmin, writeAdminFile } from './first-start.ts'
import {
  Admission,
  accessKeyRoutes,
  admissionLimits,
  buildServer,
  cloudWatchLogs,
  consoleLinkRoutes,
  createMetrics,
  governanceRoutes,
  type HttpMetrics,
  lambdaHandlers,
  principalRoutes,
  runtimeRoutes,
  signerHandlers,
  invokeHandler,
  withApiRates,
  isLoopback,
  openUrlListener,
  type UrlListener,
} from './http/index.ts'
import { JobRunner } from './jobs/index.ts'
import {
  accessKeyBox,
  loadMasterKey,
  openKeys,
  sealingKeys,
  webhookSecretBox,
} from './keys/index.ts'
import { LiveSet } from './live/index.ts'
import { PlatformError } from './model/index.ts'
import {
  ACTIVATE,
  BREAK_GLASS_END,
  AccessControl,
  Examiner,
  LiveVerifier,
  Policies,
  RefusalBudget,
  RevocationListRefresher,
  GARBAGE_GRACE_MS,
  Scrubs,
  collectGarbage,
  activationHandler,
  activationOptions,
  breakGlassEndHandler,
  breakGlassEndOptions,
  breakGlassSettings,
  endOverdueBreakGlass,
  describePolicySet,
  settlePolicies,
  eventWork,
  webhookWork,
  recordRestore,
  type Deps,
} from './operations/index.ts'
import {
  openEventQueue,
  openFunctionRuntime,
  openLedger,
  openLogs,
  openMetering,
  openWebhooks,
  openWitnesses,
  type Surroundings,
} from './open-parts.ts'
import { policySetVersion } from './policy/index.ts'
import { repeat } from './repeat.ts'
import { shippedPolicies } from './shipped-policies.ts'
import { authorizationInForce, authorizationNotice } from './authorization.ts'
import { bearerTokens, consoleSignIn, issuersOf } from './identity-providers.ts'
import { addressRules } from './sources/index.ts'
import { lockDataDirectory, openStore } from './store/index.ts'
import { openTracer } from './open-tracer.ts'
import { Outbox } from './webhooks/index.ts'

/** Raw uploads that no deployment has taken up in this time are dropped at the next start. */
const STAGED_KEPT_MS = 24 * 3_600_000

/** How often prepared code is hashed again while the service runs. */
const PREPARED_CHECK_INTERVAL_MS = 15 * 60_000
/** How long after the start scrubbing and collecting garbage begin, and how long it is from one to the next. */
const UPKEEP_FIRST_MS = 3_600_000
const SCRUB_INTERVAL_MS = 24 * 3_600_000
const GARBAGE_INTERVAL_MS = 6 * 3_600_000

export interface App extends AsyncDisposable {
  /** Where it listens: `http://127.0.0.1:9771`. */
  readonly url: string
  /** Where function URLs answer; `undefined` where they are off. */
  readonly functionUrls: string | undefined
  readonly deps: Deps & { readonly verifier: LiveVerifier }
  /** What people should know at start: the policy in force, what isolation lacks. */
  readonly notices: readonly string[]
}

/**
 * The composition root: every object is built here, once, in the order of the folders' table.
 * @throws PlatformError CONFIGURATION, DATA_DIRECTORY_IN_USE, LEDGER_BROKEN, OUT_OF_SPACE
 */
export async function startApp(config: Config, around: Surroundings): Promise<App> {
  const closers = new Closers()
  const metrics = createMetrics()
  // Closed last: what ends is traced, too.
  const tracer = openTracer(config, { ...around, metrics })
  if (tracer !== undefined) closers.add(tracer)
  try {
    const { deps, scrubs } = await buildDeps(config, around, { closers, metrics, tracer })
    await recordRestored(deps, config.dataDir)
    const admin = await ensureAdmin(deps)
    await settlePolicies(deps)
    await checkPrepared(deps)
    for (const upkeep of startUpkeep(deps, scrubs)) closers.add(upkeep)
    await deps.blobs.expireStaged(around.clock.nowMs() - STAGED_KEPT_MS)
    await deps.live.refresh()
    await endOverdueBreakGlass(deps)
    deps.runtime.keepWarm(deps.live.provisioned())
    const { url, functionUrls } = await listen(config, deps, { closers, metrics })
    writeAdminFile(dataPaths(config.dataDir).admin, { endpoint: url, ...deps.place, ...admin })
    await deps.jobs.start()
    const rules = addressRules(config.allowedSources)
    await deps.events.start(eventWork(deps, rules))
    deps.webhooks.start(webhookWork(deps, rules))
    deps.revocationLists?.start()
    deps.verifier.start(deps)
    deps.witnesses?.start()
    deps.audit.wake()
    return {
      url,
      functionUrls,
      deps,
      notices: await noticesOf(deps),
      [Symbol.asyncDispose]: () => closers[Symbol.asyncDispose](),
    }
  } catch (error) {
    await closers[Symbol.asyncDispose]()
    throw error
  }
}

async function buildDeps(
  config: Config,
  around: Surroundings,
  {
    closers,
    metrics,
    tracer,
  }: { readonly closers: Closers; readonly metrics: HttpMetrics; readonly tracer: Deps['tracer'] },
): Promise<{ readonly deps: Deps & { readonly verifier: LiveVerifier }; readonly scrubs: Scrubs }> {
  const { clock, random, log } = around
  const { dataDir, place } = config
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  closers.add(asyncOf(await lockDataDirectory(dataDir)))
  const store = closers.add(await openStore({ path: dataPaths(dataDir).database }))
  await checkPlace(store, place)
  const mayMake = (await sealingKeys(store.reader)).length === 0
  const masterKey = loadMasterKey({ dataDir, random, mayMake, ...masterKeyOptions(config) })
  const keys = await openKeys({ store, masterKey, clock, record: recordKey })
  const outbox = new Outbox()
  const audit = closers.add(await openLedger(config, around, { store, keys, outbox }))
  const blobs = openBlobs(dataDir)
  const logs = closers.add(await openLogs(config, around, metrics))
  const metering = closers.add(openMetering(config, around))
  const runtime = closers.add(
    await openFunctionRuntime(config, around, { blobs, logs, metering, metrics, tracer }),
  )
  refuseOpenWithoutIsolation(config, runtime.capability.isolation)
  const policies = closers.add(new Policies(shippedPolicies(), config.policySet))
  const access = new AccessControl({
    store,
    place,
    policies: authorizationInForce(policies),
    issuers: issuersOf(config),
  })
  const examiner = closers.add(new Examiner(blobs))
  const live = new LiveSet({ store, place })
  metrics.watchRunning(() => ({
    ...runtime.stats(),
    logBytes: logs.sizeBytes,
    provisioned: live.provisioned().map(({ spec, count }) => ({
      functionName: spec.functionName,
      allocated: count,
      used: Math.min(count, runtime.running(spec)),
    })),
  }))
  const jobs = closers.add(new JobRunner({ store, clock, random, log, soleOwner: true }))
  const events = closers.add(await openEventQueue(config, around, metrics))
  const verifier = closers.add(
    new LiveVerifier({ database: dataPaths(dataDir).database, dataDir: resolve(dataDir) }),
  )
  const shared = { store, outbox, clock, random, log, metrics }
  const webhooks = closers.add(openWebhooks(config, { ...shared, secrets: webhookSecretBox(keys) }))
  const base: Deps = {
    place, clock, random, log, store, blobs, keys, jobs, events, webhooks, live, logs, metering, runtime, examiner, metrics, audit,
    quotas: config.quotas, refusals: new RefusalBudget(clock), policies, access,
    breakGlass: config.breakGlass, reactions: config.reactions, verifier, tracer,
  } // prettier-ignore
  const revocationLists = closers.add(
    new RevocationListRefresher(base, addressRules(config.allowedSources)),
  )
  const scrubs = closers.add(new Scrubs({ ...base, revocationLists }))
  const witnesses = closers.add(openWitnesses(config, base))
  const deps = { ...base, verifier, revocationLists, scrubs, witnesses }
  jobs.handle(BREAK_GLASS_END, breakGlassEndHandler(deps), breakGlassEndOptions)
  jobs.handle(ACTIVATE, activationHandler(deps), activationOptions(deps))
  return { deps, scrubs }
}

/**
 * RULES §8: where functions run as the service's own user they can read the data directory, admin key included;
 * nobody beyond this machine may then deploy one.
 */
function refuseOpenWithoutIsolation(config: Config, isolation: 'full' | 'partial' | 'none'): void {
  if (isolation !== 'none' || process.getuid?.() === 0) return
  const open = [config.host, config.urls?.host ?? config.host].find((host) => !isLoopback(host))
  if (open === undefined) return
  throw new PlatformError(
    'CONFIGURATION',
    `functions are not isolated here (\`lacre doctor\` says what is missing): listen on loopback, not on \`${open}\``,
  )
}

/** The first start of a restored directory: in the ledger before anything is answered or run. */
async function recordRestored(deps: Deps, dataDir: string): Promise<void> {
  const restored = readRestored(dataDir)
  if (restored === undefined) return
  await recordRestore(deps, restored)
  removeRestored(dataDir)
}

/** Promise P1: prepared trees are hashed again at service start and on a schedule; what changed is no longer run. */
async function checkPrepared({ runtime, log }: Deps): Promise<void> {
  const changed = await runtime.verifyPrepared()
  if (changed.length > 0) log.error({ changed }, 'prepared code was changed on the disk')
}

/** What is looked after while the service runs. */
function startUpkeep(deps: Deps, scrubs: Scrubs): AsyncDisposable[] {
  const every = (firstMs: number, everyMs: number, failed: string, work: () => Promise<void>) =>
    repeat(deps, { firstMs, everyMs, failed, work })
  const check = PREPARED_CHECK_INTERVAL_MS
  return [
    every(check, check, 'prepared code could not be checked', () => checkPrepared(deps)),
    every(UPKEEP_FIRST_MS, SCRUB_INTERVAL_MS, 'nothing could be scrubbed', () =>
      scrubs.passSlowly(),
    ),
    every(UPKEEP_FIRST_MS, GARBAGE_INTERVAL_MS, 'no garbage was collected', async () => {
      const asked = { dryRun: false, graceMs: GARBAGE_GRACE_MS }
      const { blobs, bytes, prepared, files } = await collectGarbage(deps, asked)
      deps.log.info({ blobs, bytes, prepared, files }, 'garbage collected')
    }),
  ]
}

/** Listens last and stops first: requests that are under way finish while everything below them is still open. */
async function listen(
  config: Config,
  deps: Deps,
  { closers, metrics }: { readonly closers: Closers; readonly metrics: HttpMetrics },
): Promise<{ readonly url: string; readonly functionUrls: string | undefined }> {
  const { host, port, tls, trustProxy, openMetrics, openTlog } = config
  const box = accessKeyBox(deps.keys)
  const { store, clock, place } = deps
  const authenticator = openAuthenticator({
    store,
    box,
    clock,
    place,
    authorizer: deps.access,
    tokens: bearerTokens(config, deps),
    secureListener: tls !== undefined || trustProxy !== undefined || isLoopback(host),
  })
  const sessions = new ConsoleSessions(deps)
  const accessKeys = { box, forget: () => authenticator.forget() }
  const admission = new Admission(admissionLimits(config.maxEnvironments))
  metrics.watchAdmission(() => admission.readings())
  const with_ = { closers, metrics, authenticator, admission }
  const urls = await listenForUrls(config, deps, with_)
  const handlers = lambdaHandlers(deps, urls?.base ?? config.urls?.base)
  let ready = true
  const stopping = new AbortController()
  const server = buildServer({
    deps,
    config: { host, port, tls, trustProxy, openMetrics, openTlog },
    ledger: deps,
    authenticator,
    lambdaHandlers: config.apiRates ? withApiRates(handlers, clock) : handlers,
    signerHandlers: signerHandlers(deps),
    cloudWatchLogs: cloudWatchLogs(deps),
    invoke: invokeHandler(deps),
    governanceRoutes: governanceRoutes(deps, [
      ...accessKeyRoutes(deps, accessKeys),
      ...principalRoutes(deps),
      ...consoleLinkRoutes(sessions),
      ...runtimeRoutes(deps, metrics),
    ]),
    console: {
      sessions,
      signIn: consoleSignIn(config, deps),
      access: deps.access,
      stopping: stopping.signal,
      place: {
        hosts: config.consoleHosts,
        secure: tls !== undefined || trustProxy !== undefined,
        loopback: isLoopback(host),
      },
    },
    downloads: deps,
    metrics,
    admission,
    ready: () => ready,
  })
  closers.add({
    [Symbol.asyncDispose]: async () => {
      ready = false
      stopping.abort()
      deps.logs?.letGo()
      await server.close()
    },
  })
  // The router names the scheme of a listener that is not its own wrongly.
  const url = await server.listen({ host, port })
  const secure = tls === undefined ? url : url.replace(/^http:/, 'https:')
  return { url: secure, functionUrls: urls?.url }
}

/** RULES §10: functions answer on a listener of their own, where no session and no API is. */
async function listenForUrls(
  config: Config,
  deps: Deps,
  with_: {
    readonly closers: Closers
    readonly metrics: HttpMetrics
    readonly authenticator: Authenticator
    readonly admission: Admission
  },
): Promise<UrlListener | undefined> {
  if (config.urls === undefined) return undefined
  const { host, port, elsewhere, base } = config.urls
  const { tls, trustProxy } = config
  const { closers, metrics, authenticator, admission } = with_
  return closers.add(
    await openUrlListener({
      deps,
      config: { host, port, tls, trustProxy },
      elsewhere,
      base,
      authenticator,
      metrics,
      admission,
      audiences: config.tokens === undefined ? [] : [config.tokens.audience],
    }),
  )
}

/** `lacre doctor`, the console and `serve` say which policy set and which isolation are in force (DESIGN §5, §8). */
async function policyNotices(deps: Deps): Promise<string[]> {
  const { record, fault } = await describePolicySet(deps, 'admission')
  const { name, version } = record
  const admits =
    name === 'default' ? ' (unsigned code is admitted where no config is attached)' : ''
  const notice = `policy set: ${policySetVersion({ name, set: record })}, version ${version}${admits}`
  if (fault === undefined) return [notice]
  return [
    `${notice} CANNOT BE USED: ${fault}. Only leaving is admitted; stop the service and go back with \`lacre policy rollback --data DIR\``,
  ]
}

async function noticesOf(deps: Deps): Promise<string[]> {
  const { isolation, driver, missing } = deps.runtime.capability
  const notices = [
    ...(await policyNotices(deps)),
    await authorizationNotice(deps.policies, deps.store.reader),
  ]
  notices.push(
    isolation === 'full'
      ? `isolation: full (${driver})`
      : `isolation: ${isolation} (${driver}); missing: ${missing.join(', ')}`,
  )
  if (breakGlassSettings(deps).quorum === 1)
    notices.push('break-glass: one person is enough here (quorum 1)')
  if (deps.keys.masterKey.source === 'inside the data directory') {
    notices.push('master key: inside the data directory; give --master-key-file to keep it apart')
  }
  notices.push(`ledger key: ${deps.audit.verifierKey}`)
  return notices
}
