import type { LedgerEntry } from '../ledger/index.ts'
import { refOfArn } from '../model/index.ts'
import type { Reader, Writer } from '../store/index.ts'
import { compileFilter, type CompiledFilter, type Told } from './filter.ts'
import { listWebhooks, webhookResource } from './rows.ts'

interface Subscription {
  readonly webhookId: string
  readonly resource: string
  readonly filter: CompiledFilter
}

/** Of the ledger, without an entry and with it. */
export interface Roots {
  readonly before: string
  readonly after: string
}

/**
 * What is to be told of an entry is written by the transaction that appends it, so that neither is there without the
 * other. Subscriptions are kept in memory, as of the last entry: one that changes them says so, and where the next one
 * does not follow it, it was undone, as may be what was read with it.
 */
export class Outbox {
  #subscriptions: readonly Subscription[] | undefined
  #root: string | undefined
  /** The newest entry written for each webhook and not yet seen committed. */
  readonly #written = new Map<string, number>()
  #listener: (() => void) | undefined

  /** Called once per entry, by the ledger. */
  async put(tx: Writer, entry: LedgerEntry, { before, after }: Roots): Promise<void> {
    if (before !== this.#root || entry.changes.some(({ table }) => table === 'webhook'))
      this.#subscriptions = undefined
    this.#root = after
    const subscriptions = (this.#subscriptions ??= await readSubscriptions(tx))
    const ids = await recipients(tx, subscriptions, entry)
    if (ids.length === 0) return
    const ended = await tx
      .selectFrom('past_ledger')
      .select((select) => select.fn.max<number | null>('epoch').as('epoch'))
      .executeTakeFirst()
    // Appended is to the ledger in force alone.
    const epoch = (ended?.epoch ?? 0) + 1
    const row = { epoch, entry_index: entry.index, state: 'pending' as const, attempts: 0 }
    const times = { created_at: entry.at, first_tried_at: null, run_at: entry.at }
    await tx
      .insertInto('webhook_outbox')
      .values(ids.map((webhook_id) => ({ webhook_id, ...row, ...times })))
      .execute()
    for (const id of ids) this.#written.set(id, entry.index)
  }

  /** Who delivers. */
  listen(listener: () => void): void {
    this.#listener = listener
  }

  /** Something was committed: what was written may be there to be delivered. */
  committed(): void {
    if (this.#written.size > 0) this.#listener?.()
  }

  /** The webhooks whose rows are among the first `size` entries: committed, or rolled back and overtaken. */
  take(size: number): string[] {
    const ids = [...this.#written].filter(([, index]) => index < size).map(([id]) => id)
    for (const id of ids) this.#written.delete(id)
    return ids
  }
}

async function readSubscriptions(tx: Writer): Promise<readonly Subscription[]> {
  const webhooks = await listWebhooks(tx)
  return webhooks
    .filter(({ state }) => state === 'enabled')
    .map(({ id, name, filter }) => ({
      webhookId: id,
      resource: webhookResource(name),
      filter: compileFilter(filter),
    }))
}

/** Nobody is told of what happens to his own subscription: telling would make more to be told. */
async function recipients(
  tx: Writer,
  subscriptions: readonly Subscription[],
  entry: LedgerEntry,
): Promise<string[]> {
  if (subscriptions.length === 0) return []
  const told: Told = { type: entry.type, action: entry.action, place: placeOf(entry.resource) }
  const fitting = subscriptions.filter(
    ({ filter, resource }) => resource !== entry.resource && filter.matches(told),
  )
  const asksOutcome = fitting.some(({ filter }) => filter.outcomes !== undefined)
  const outcome = asksOutcome ? await outcomeOf(tx, entry) : undefined
  return fitting
    .filter(
      ({ filter: { outcomes } }) => outcomes === undefined || outcomes.includes(outcome ?? ''),
    )
    .map(({ webhookId }) => webhookId)
}

function placeOf(resource: string): string | undefined {
  const { kind, name, alias } = refOfArn(resource)
  if (kind === 'Function') return name
  return kind === 'Alias' ? `${name}:${alias ?? ''}` : undefined
}

/** How the decision went that the entry names. */
export async function outcomeOf(
  reader: Reader,
  { decision }: Pick<LedgerEntry, 'decision'>,
): Promise<string | undefined> {
  if (decision === null) return undefined
  const row = await reader
    .selectFrom('decision')
    .select('outcome')
    .where('id', '=', decision.id)
    .executeTakeFirst()
  return row?.outcome
}
