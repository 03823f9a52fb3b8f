import type { RowRef } from '../audit/index.ts'
import {
  canonicalJson,
  sha256,
  systemPrincipal,
  type Decision,
  type Facts,
  type Json,
  type Principal,
} from '../model/index.ts'
import type { Writer } from '../store/index.ts'
import type { Deps } from './context.ts'
import type { Committed } from './change.ts'

/** What a ledger entry says beside the rows. */
export interface Event {
  readonly type: string
  readonly action: string
  readonly resource: string
  readonly principal: Principal
  readonly world: number
  readonly note?: Json
}

/**
 * The end of every changing transaction: live intervals closed and opened, the ledger entry over every row
 * touched. In the same transaction as the change, or not at all (promise P2).
 */
export async function closeTransaction<T>(
  deps: Pick<Deps, 'audit' | 'live' | 'clock'>,
  tx: Writer,
  event: Event,
  state: { readonly committed: Committed<T>; readonly decision: Decision | undefined },
): Promise<void> {
  const { committed, decision } = state
  const position = await deps.audit.nextPosition(tx, deps.clock.nowMs())
  const touched: RowRef[] = [...committed.touched]
  touched.push(...(await deps.live.reconcile(tx, committed.functionNames ?? [], position)))
  const { id, kind, name } = event.principal
  await deps.audit.append(tx, {
    type: event.type,
    at: position.atMs,
    principal: { id, kind, name },
    action: event.action,
    resource: event.resource,
    decision: decision === undefined ? null : { id: decision.id, digest: digestOf(decision) },
    world: event.world,
    touched,
    ...(event.note === undefined ? {} : { note: event.note }),
  })
}

function digestOf(decision: Decision): string {
  return sha256(canonicalJson(decision as unknown as Json))
}

/** The decision with its facts, both as documents by their digest; returns the rows written. */
export async function insertDecision(
  tx: Writer,
  decision: Decision,
  state: { readonly facts: Facts; readonly atMs: number },
): Promise<RowRef[]> {
  const document = await insertDocument(tx, decision as unknown as Json)
  const facts = await insertDocument(tx, state.facts as unknown as Json)
  await tx
    .insertInto('decision')
    .values({
      id: decision.id,
      at: state.atMs,
      outcome: decision.outcome,
      principal_id: state.facts.principal.id,
      action: state.facts.action,
      resource: state.facts.resource,
      document,
      facts,
    })
    .execute()
  return [{ table: 'decision', key: { id: decision.id } }]
}

/** Stores a document once, under its own SHA-256. */
async function insertDocument(tx: Writer, value: Json): Promise<string> {
  const body = canonicalJson(value)
  const digest = sha256(body)
  await tx
    .insertInto('document')
    .values({ sha256: digest, body })
    .onConflict((conflict) => conflict.column('sha256').doNothing())
    .execute()
  return digest
}

/** Raises the world: every decision read before this commit is decided again (CONTRACTS "World"). */
export async function raiseWorld(tx: Writer): Promise<void> {
  await tx
    .updateTable('world')
    .set((row) => ({ counter: row('counter', '+', 1) }))
    .where('id', '=', 1)
    .execute()
}

/**
 * A change the service makes by itself (a state settles) or that no decision depends on: the same transaction,
 * ledger entry included, without a decision.
 */
export async function record<T>(
  deps: Deps,
  event: {
    readonly type: string
    readonly action: string
    readonly resource: string
    readonly principal?: Principal
    readonly note?: Json
  },
  work: (tx: Writer, atMs: number) => Promise<Committed<T> | undefined>,
): Promise<T | undefined> {
  const committed = await deps.store.transaction(async (tx) => {
    const done = await work(tx, deps.clock.nowMs())
    if (done === undefined) return undefined
    const world = await tx
      .selectFrom('world')
      .select('counter')
      .where('id', '=', 1)
      .executeTakeFirstOrThrow()
    const principal = event.principal ?? systemPrincipal
    await closeTransaction(
      deps,
      tx,
      { ...event, principal, world: world.counter },
      { committed: done, decision: undefined },
    )
    return done
  })
  if (committed === undefined) return undefined
  await afterCommit(deps, committed)
  return committed.result
}

/** What is said of the live set: no permission and no job depends on it, and a revocation writes it by the thousand. */
const SAID_ONLY: ReadonlySet<string> = new Set(['live_verdict'])

/** The warm path's snapshot follows the rows; the queue looks at once instead of at its next tick. */
export async function afterCommit(deps: Deps, committed: Committed<unknown>): Promise<void> {
  const { touched } = committed
  const isSaidOnly = touched.length > 0 && touched.every(({ table }) => SAID_ONLY.has(table))
  if (!isSaidOnly) {
    deps.access.forget()
    deps.jobs.wake()
  }
  if (committed.functionNames !== undefined && committed.functionNames.length > 0) {
    await deps.live.refresh(committed.functionNames)
    deps.runtime.keepWarm(deps.live.provisioned())
  }
  deps.audit.wake()
  deps.verifier?.wake()
}
