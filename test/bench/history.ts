import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import Database from 'better-sqlite3'

import {
  canonicalJson,
  sha256,
  type Facts,
  type Json,
  type Principal,
} from '../../services/model/index.ts'
import { AccessControl, readLiveThen, type Deps } from '../../services/operations/index.ts'
import { openStore, type Store } from '../../services/store/index.ts'
import { authorizationSet } from '../support/authorization.ts'
import type { Figure } from './run.ts'
import { quantile } from './statistics.ts'

const FUNCTIONS = 100
/** Documents of decisions; a history of a million has more, and a page reads no more of them than it has rows. */
const DECISIONS = 2_000
const QUERIES = 500
const WARM_UP = 100
const SHORT = 10_000
const LONG = 1_000_000
/** One change a second. */
const EVERY_MS = 1_000
const BEGIN_MS = 1_700_000_000_000

const place = { account: '000000000000', region: 'us-east-1' }
const admin: Principal = { id: 'usr-admin', kind: 'user', name: 'admin', roles: ['admin'], claims: {} } // prettier-ignore

/**
 * `live --at` over 10,000 and over 1,000,000 changes, asked in turns. A deployment is four changes: new code in `$LATEST`, a
 * version, a canary in an alias, the alias wholly moved; versions stay live by their number, so that a long history has more
 * of them.
 */
export async function historyBench(): Promise<readonly Figure[]> {
  await using short = await openHistory(SHORT)
  await using long = await openHistory(LONG)
  const figures: Figure[] = []
  for (const [what, ask] of QUESTIONS) {
    const taken = new Map([short, long].map((history) => [history, newTaken()]))
    for (let i = -WARM_UP; i < QUERIES; i += 1)
      for (const history of [short, long]) {
        const [start, used] = [performance.now(), process.cpuUsage()]
        const rows = await ask(history)
        const { user, system } = process.cpuUsage(used)
        if (rows === 0) throw new Error(`${what}: nothing was live`)
        if (i < 0) continue
        taken.get(history)?.wall.push(performance.now() - start)
        taken.get(history)?.processor.push((user + system) / 1_000)
      }
    for (const [kind, share] of KINDS)
      for (const history of [short, long])
        figures.push({
          name: `live --at, ${what}, over ${history.changes} changes, ${kind} p${100 * share}`,
          value: Number(quantile(taken.get(history)?.[kind] ?? [], share).toFixed(2)),
          unit: 'ms',
        })
  }
  return figures
}

/** Wall clock; and processor time, which others on the machine do not stretch. */
interface Taken {
  readonly wall: number[]
  readonly processor: number[]
}

function newTaken(): Taken {
  return { wall: [], processor: [] }
}

const KINDS = [
  ['wall', 0.5],
  ['wall', 0.99],
  ['processor', 0.5],
  ['processor', 0.99],
] as const

type Ask = (history: History) => Promise<number>

const QUESTIONS: readonly (readonly [what: string, ask: Ask])[] = [
  ['one alias', (history) => asked(history, { functionName: anyName(), alias: 'prod', limit: 100 })],
  ['one alias, with authorization', (history) => asked({ ...history, deps: history.guarded }, { functionName: anyName(), alias: 'prod', limit: 100 })],
  ['one function, the first 20', (history) => asked(history, { functionName: anyName(), limit: 20 })],
  ['everything, the first 20', (history) => asked(history, { limit: 20 })],
  ['everything, a page of 100 that begins anywhere', async (history) => {
    const marker = Buffer.from(JSON.stringify([anyName(), '', 'primary'])).toString('base64url')
    return (await asked(history, { marker, limit: 100 })) + 1
  }],
] // prettier-ignore

async function asked(
  history: Pick<History, 'changes' | 'deps'>,
  query: {
    readonly functionName?: string
    readonly alias?: string
    readonly marker?: string
    readonly limit: number
  },
): Promise<number> {
  // Not in the first hundredth: everything was deployed by then.
  const atMs = BEGIN_MS + Math.floor((0.05 + 0.95 * Math.random()) * history.changes) * EVERY_MS
  const { live } = await readLiveThen(history.deps, { principal: admin, requestId: 'bench' }, { atMs, ...query }) // prettier-ignore
  return live.length
}

function anyName(): string {
  return nameOf(Math.floor(Math.random() * FUNCTIONS))
}

function nameOf(at: number): string {
  return `bench-${String(at).padStart(4, '0')}`
}

interface History extends AsyncDisposable {
  readonly changes: number
  readonly store: Store
  /** Asks no policy: what the history itself costs. */
  readonly deps: Deps
  /** Asks the shipped authorization set about every object that an answer names. */
  readonly guarded: Deps
}

/** What reading asks of access. */
type Asked = Pick<AccessControl, 'allows' | 'allowsEverywhere' | 'authorize'>

async function openHistory(changes: number): Promise<History> {
  const dir = mkdtempSync(join(tmpdir(), 'lacre-bench-'))
  const path = join(dir, 'lacre.db')
  await (await openStore({ path })).close()
  fill(path, changes)
  const store = await openStore({ path })
  const set = authorizationSet()
  const access = new AccessControl({ store, place, policies: () => Promise.resolve(set) })
  const clock = { nowMs: () => BEGIN_MS + changes * EVERY_MS }
  const yes: Asked = {
    allows: () => Promise.resolve(true),
    allowsEverywhere: () => Promise.resolve(true),
    authorize: () => Promise.resolve(),
  }
  const deps = { store, place, clock, access: yes } as unknown as Deps
  // As of one who may not read all there is: each object is asked about.
  const each: Asked = {
    allows: (...of) => access.allows(...of),
    allowsEverywhere: () => Promise.resolve(false),
    authorize: (...of) => access.authorize(...of),
  }
  const guarded = { store, place, clock, access: each } as unknown as Deps
  const dispose = async (): Promise<void> => {
    await store.close()
    rmSync(dir, { recursive: true })
  }
  return { changes, store, deps, guarded, [Symbol.asyncDispose]: dispose }
}

/** Straight into the tables: the gate would need hours for a million. Indexes are made afterwards, as they were. */
function fill(path: string, changes: number): void {
  const db = new Database(path)
  // WAL is left by way of DELETE alone.
  db.pragma('journal_mode = DELETE')
  db.pragma('journal_mode = OFF')
  db.pragma('synchronous = OFF')
  db.pragma('cache_size = -200000')
  const indexes = db
    .prepare(
      `select name, sql from sqlite_schema where type = 'index' and tbl_name = 'live_interval' and sql is not null`,
    )
    .all() as { readonly name: string; readonly sql: string }[]
  for (const { name } of indexes) db.exec(`drop index "${name}"`)
  db.transaction(() => {
    fillDecisions(db)
    const name = db.prepare(`insert into function_name (name, next_version) values (?, 1)`)
    for (let at = 0; at < FUNCTIONS; at += 1) name.run(nameOf(at))
    const write = intervalWriter(db)
    for (let change = 0; change < changes; change += 1) write(change)
  })()
  for (const { sql } of indexes) db.exec(sql)
  db.close()
}

function fillDecisions(db: Database.Database): void {
  const document = db.prepare('insert into document (sha256, body) values (?, ?)')
  const decision = db.prepare(
    `insert into decision (id, at, outcome, principal_id, action, resource, document, facts)
     values (?, 0, 'allow', 'usr-admin', 'lambda:UpdateAlias', ?, ?, ?)`,
  )
  for (let at = 0; at < DECISIONS; at += 1) {
    const facts = canonicalJson(factsOf(at) as unknown as Json)
    const body = canonicalJson(decisionOf(at))
    document.run(sha256(facts), facts)
    document.run(sha256(body), body)
    const resource = `arn:aws:lambda:us-east-1:000000000000:function:${nameOf(at % FUNCTIONS)}:prod`
    decision.run(decisionId(at), resource, sha256(body), sha256(facts))
  }
}

const decisionId = (at: number): string => `dec-${String(at).padStart(26, '0')}`
const codes = Array.from({ length: DECISIONS }, (_, at) => sha256(`code ${at}`))
const codeOf = (at: number): string => codes[at] ?? ''

function decisionOf(at: number): Json {
  const check = (rule: string): Json => ({ rule, subject: nameOf(at % FUNCTIONS), status: 'passed', expected: 'what a sound seal is', got: 'a sound seal' }) // prettier-ignore
  return {
    id: decisionId(at),
    at: new Date(BEGIN_MS).toISOString(),
    outcome: 'allow',
    checks: ['signature.integrity', 'signature.mismatch', 'signature.expiry', 'signature.revocation', 'policy.all'].map(check), // prettier-ignore
    policySet: { version: `default@${codeOf(0).slice(0, 12)}`, number: 1, determining: ['all'] },
    factsDigest: codeOf(at),
    world: at,
  }
}

function factsOf(at: number): Facts {
  const arn = `arn:aws:lambda:us-east-1:000000000000:function:${nameOf(at % FUNCTIONS)}`
  const digest = codeOf(at)
  const findings = ['integrity', 'mismatch', 'expiry', 'revocation'].map((rule) => ({ rule, status: 'passed', expected: 'what a sound seal is', got: 'a sound seal' })) // prettier-ignore
  const signer = { id: `key SHA256:${digest}`, kind: 'key', spkiSha256: digest, display: 'key' }
  const publisher = {
    publisherId: 'pub-team',
    name: 'team',
    version: 'ABCDEFGHIJ',
    arn: 'arn:aws:signer:us-east-1:000000000000:/signing-profiles/team/ABCDEFGHIJ',
    allowed: true,
  }
  const seal = { digest, format: 'bundle', form: 'statement', place: 'block', outcome: 'trusted', signer, publisher, trustedTimesMs: [], counter: '0', findings, unchecked: [] } // prettier-ignore
  const verdict = { kind: 'trusted', seals: [seal], findings, signers: 1 }
  const subject = { kind: 'function', arn: `${arn}:1`, codeSha256: digest, sha256: digest, tree: digest, verdict } // prettier-ignore
  return {
    v: 1, at: new Date(BEGIN_MS).toISOString(), world: at, validUntil: null, principal: admin,
    action: 'lambda:UpdateAlias', resource: `${arn}:prod`, release: digest, change: { from: '1', to: '2' },
    subjects: [subject], signingConfig: null, isolation: 'full', loaderVariables: [], noteworthyPaths: [],
  } as unknown as Facts // prettier-ignore
}

/** The change of a number: which function's turn it is, and which part of a deployment. */
function intervalWriter(db: Database.Database): (change: number) => void {
  const insert = db.prepare(
    `insert into live_interval (function_name, alias, slot, version, weight, layers, code_sha256, release,
       decision_id, from_ms, from_index) values (?, ?, ?, ?, ?, '[]', ?, ?, ?, ?, ?)`,
  )
  const close = db.prepare('update live_interval set to_ms = ?, to_index = ? where id = ?')
  const open = new Map<string, number | bigint>()
  return (change) => {
    const part = Math.floor(change / FUNCTIONS) % 4
    const version = Math.floor(change / FUNCTIONS / 4) + 1
    const owner = nameOf(change % FUNCTIONS)
    const atMs = BEGIN_MS + change * EVERY_MS
    const end = (alias: string, slot: string): void => {
      const id = open.get(`${owner} ${alias} ${slot}`)
      if (id !== undefined) close.run(atMs, change, id)
      open.delete(`${owner} ${alias} ${slot}`)
    }
    const begin = (alias: string, slot: string, number: string, weight: number): void => {
      end(alias, slot)
      const at = (change * 7) % DECISIONS
      const row = insert.run(owner, alias, slot, number, weight, codeOf(at), codeOf(at), decisionId(at), atMs, change) // prettier-ignore
      open.set(`${owner} ${alias} ${slot}`, row.lastInsertRowid)
    }
    if (part === 0) begin('$LATEST', 'primary', '$LATEST', 1)
    else if (part === 1) begin(String(version), 'primary', String(version), 1)
    else if (part === 2) begin('prod', 'weighted', String(version), 0.1)
    else {
      end('prod', 'weighted')
      begin('prod', 'primary', String(version), 1)
    }
  }
}
