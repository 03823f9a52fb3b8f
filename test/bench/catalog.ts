import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { listFunctions, type Deps } from '../../services/operations/index.ts'
import { openStore, type Store, type Writer } from '../../services/store/index.ts'
import type { Figure } from './run.ts'

const VERSIONS_EACH = 10
const PAGE = 50
const PAGES_TIMED = 200
const DIGEST = 'ab'.repeat(32)
const DECISION = 'cd'.repeat(32)
const FACTS = 'ef'.repeat(32)

const configuration = JSON.stringify({
  Runtime: 'nodejs20.x',
  Role: 'arn:aws:iam::000000000000:role/bench',
  Handler: 'index.handler',
  Description: '',
  Timeout: 3,
  MemorySize: 128,
  Architectures: ['x86_64'],
  EphemeralStorage: { Size: 512 },
  LoggingConfig: { LogFormat: 'Text', LogGroup: '/aws/lambda/bench' },
  TracingConfig: { Mode: 'PassThrough' },
  SnapStart: { ApplyOn: 'None', OptimizationStatus: 'Off' },
  PackageType: 'Zip',
})

/** ListFunctions: a page over 100 functions beside a page over 10,000 functions with 100,000 versions. */
export async function catalogBench(): Promise<readonly Figure[]> {
  const figures: Figure[] = []
  for (const functions of [100, 10_000]) {
    const dir = mkdtempSync(join(tmpdir(), 'lacre-bench-'))
    try {
      await using store = await openStore({ path: join(dir, 'lacre.db') })
      await fill(store, functions)
      const { medianMs } = await timePages(store, functions)
      const over = `over ${functions} functions, ${functions * VERSIONS_EACH} versions`
      figures.push({ name: `a page ${over}`, value: medianMs, unit: 'ms' })
      for (const all of [false, true]) {
        const walk = await walkThrough(store, all)
        const what = `of all ${walk.items} ${all ? 'versions' : 'functions'}, ${over}`
        figures.push({
          name: `resident before paging through ${what}`,
          value: walk.before,
          unit: 'MB',
        })
        figures.push({
          name: `resident after paging through ${what}`,
          value: walk.after,
          unit: 'MB',
        })
      }
    } finally {
      rmSync(dir, { recursive: true })
    }
  }
  return figures
}

const place = { account: '000000000000', region: 'us-east-1' }

interface Walk {
  readonly items: number
  readonly before: number
  readonly after: number
}

/** Every page once, to the end: what stays resident is what the pages themselves do not leave behind. */
async function walkThrough(store: Store, all: boolean): Promise<Walk> {
  const deps = { store, place } as unknown as Deps
  const before = residentMb()
  let items = 0
  let marker: string | undefined
  do {
    const page = await listFunctions(deps, { marker, limit: PAGE, all })
    items += page.items.length
    marker = page.nextMarker
  } while (marker !== undefined)
  return { items, before, after: residentMb() }
}

function residentMb(): number {
  return Math.round(process.memoryUsage.rss() / 1_048_576)
}

async function timePages(store: Store, functions: number): Promise<{ medianMs: number }> {
  // Listing works with the store and the place alone.
  const deps = { store, place } as unknown as Deps
  const times: number[] = []
  const list = async (marker: string | undefined) =>
    await listFunctions(deps, { marker, limit: PAGE, all: false })
  for (let i = 0; i < 200; i += 1) await list(undefined)
  let marker: string | undefined
  for (let i = 0; i < PAGES_TIMED; i += 1) {
    const start = performance.now()
    const page = await list(marker)
    times.push(performance.now() - start)
    if (page.items.length === 0) throw new Error(`a page of ${functions} functions is empty`)
    marker = page.nextMarker
  }
  times.sort((a, b) => a - b)
  return { medianMs: Number((times[PAGES_TIMED / 2] ?? 0).toFixed(3)) }
}

async function fill(store: Store, functions: number): Promise<void> {
  await store.transaction(async (tx) => {
    await tx
      .insertInto('artifact')
      .values({
        code_sha256: DIGEST,
        sha256: DIGEST,
        tree: DIGEST,
        size_bytes: 1_000,
        unzipped_bytes: 2_000,
        entry_count: 1,
        created_at: 0,
      })
      .execute()
    for (const digest of [DECISION, FACTS])
      await tx.insertInto('document').values({ sha256: digest, body: '{}' }).execute()
    await tx
      .insertInto('decision')
      .values({
        id: 'dec-bench',
        at: 0,
        outcome: 'allow',
        principal_id: 'usr-bench',
        action: 'lambda:CreateFunction',
        resource: 'bench',
        document: DECISION,
        facts: FACTS,
      })
      .execute()
    for (let i = 0; i < functions; i += 1) await fillFunction(tx, i)
  })
}

async function fillFunction(tx: Writer, index: number): Promise<void> {
  const name = `bench-${String(index).padStart(6, '0')}`
  const id = `fn-${index}`
  const version = (number: string) => ({
    id: `fv-${index}-${number}`,
    function_id: id,
    version: number,
    configuration,
    code_sha256: DIGEST,
    layers: '[]',
    release: DIGEST,
    decision_id: 'dec-bench',
    state: 'Active' as const,
    state_reason: null,
    state_reason_code: null,
    last_update_status: 'Successful' as const,
    last_update_status_reason: null,
    last_update_status_reason_code: null,
    revision_id: `rev-${index}-${number}`,
    last_modified: 0,
  })
  await tx
    .insertInto('function_name')
    .values({ name, next_version: VERSIONS_EACH + 1 })
    .execute()
  await tx
    .insertInto('function')
    .values({
      id,
      name,
      code_signing_config_id: null,
      serving: `fv-${index}-$LATEST`,
      pending: null,
      tags: '{}',
      created_at: 0,
    })
    .execute()
  const numbers = Array.from({ length: VERSIONS_EACH }, (_, at) => String(at + 1))
  await tx
    .insertInto('function_version')
    .values(['$LATEST', ...numbers].map(version))
    .execute()
}
