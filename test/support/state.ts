import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import {
  openAudit,
  recordKey,
  type AuditOptions,
  type AuditTrail,
  type NewEntry,
} from '../../services/audit/index.ts'
import { loadMasterKey, openKeys, type Keys } from '../../services/keys/index.ts'
import { TILE_WIDTH } from '../../services/ledger/index.ts'
import { systemRandom, type Clock } from '../../services/model/index.ts'
import { openStore, type Store } from '../../services/store/index.ts'
import { Outbox } from '../../services/webhooks/index.ts'

/** A directory that is gone at the end of the block. */
export function tempDir(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'lacre-test-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

/** A clock that stands still until told to go on; sleepers wake when their time has come. */
export class FakeClock implements Clock {
  #nowMs: number
  #sleepers: { readonly atMs: number; readonly wake: () => void }[] = []

  constructor(nowMs = 1_800_000_000_000) {
    this.#nowMs = nowMs
  }

  nowMs(): number {
    return this.#nowMs
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error)
      const onAbort = (): void => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper)
        reject(signal?.reason as Error)
      }
      const wake = (): void => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      }
      const sleeper = { atMs: this.#nowMs + ms, wake }
      this.#sleepers.push(sleeper)
      signal?.addEventListener('abort', onAbort)
    })
  }

  advance(ms: number): void {
    this.#nowMs += ms
    const due = this.#sleepers.filter((sleeper) => sleeper.atMs <= this.#nowMs)
    this.#sleepers = this.#sleepers.filter((sleeper) => !due.includes(sleeper))
    for (const sleeper of due) sleeper.wake()
  }

  /** Steps the wall clock without waking anybody. */
  set(nowMs: number): void {
    this.#nowMs = nowMs
  }
}

/** Log lines, kept. */
export class MemoryLog {
  readonly lines: { readonly level: string; readonly fields: object; readonly message: string }[] =
    []

  debug = (fields: object, message: string): void => this.#keep('debug', fields, message)
  info = (fields: object, message: string): void => this.#keep('info', fields, message)
  warn = (fields: object, message: string): void => this.#keep('warn', fields, message)
  error = (fields: object, message: string): void => this.#keep('error', fields, message)

  #keep(level: string, fields: object, message: string): void {
    this.lines.push({ level, fields, message })
  }
}

export interface State extends AsyncDisposable {
  readonly dir: string
  readonly databasePath: string
  readonly store: Store
  readonly keys: Keys
  readonly audit: AuditTrail
  readonly outbox: Outbox
  readonly clock: FakeClock
  readonly log: MemoryLog
}

export const MASTER_KEY = Buffer.alloc(32, 7).toString('base64')

/** How a state is opened where that is not as the service opens it. */
export interface StateOptions {
  readonly clock?: FakeClock
  readonly checkpointDir?: string
  /** `openAudit`, or what ends with it. */
  readonly open?: (options: AuditOptions) => Promise<AuditTrail>
}

/** A store with its keys and ledger in `dir`, as the service opens them. */
export async function openState(
  dir: string,
  { clock = new FakeClock(), checkpointDir, open = openAudit }: StateOptions = {},
): Promise<State> {
  const log = new MemoryLog()
  const databasePath = join(dir, 'lacre.db')
  const store = await openStore({ path: databasePath })
  try {
    const masterKey = loadMasterKey({ dataDir: dir, random: systemRandom, value: MASTER_KEY })
    const keys = await openKeys({ store, masterKey, clock, record: recordKey })
    const origin = `lacre.test/${randomBytes(4).toString('hex')}`
    const outbox = new Outbox()
    const audit = await open({
      store,
      keys,
      clock,
      log,
      dataDir: dir,
      checkpointDir,
      origin,
      outbox,
    })
    const dispose = async (): Promise<void> => {
      await audit[Symbol.asyncDispose]()
      await store.close()
    }
    const parts = { dir, databasePath, store, keys, audit, outbox, clock, log }
    return { ...parts, [Symbol.asyncDispose]: dispose }
  } catch (error) {
    await store.close()
    throw error
  }
}

/** An entry that touches one setting, with the setting written. */
export async function writeSetting(state: State, name: string, value: string): Promise<number> {
  const { index } = await state.store.transaction(async (tx) => {
    await tx
      .insertInto('setting')
      .values({ name, value })
      .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
      .execute()
    return await state.audit.append(tx, settingEntry(state, name))
  })
  return index
}

/** As many settings as fill a tile of the ledger, and one more: its nodes are rows from then on. */
export async function fillTile(state: State): Promise<void> {
  const names = Array.from({ length: TILE_WIDTH + 1 }, (_, at) => `tile-${at}`)
  await Promise.all(names.map((name) => writeSetting(state, name, 'filled')))
}

/** What tells of a setting that was written. */
export function settingEntry(state: State, name: string): NewEntry {
  return {
    type: 'setting',
    at: state.clock.nowMs(),
    principal: { id: 'usr-1', kind: 'user', name: 'admin' },
    action: 'lacre:PutSetting',
    resource: `setting/${name}`,
    decision: null,
    world: 0,
    touched: [{ table: 'setting', key: { name } }],
  }
}
