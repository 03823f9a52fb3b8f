import type { RowRef } from '../audit/index.ts'
import { LATEST, canonicalJson, type Json, type Place } from '../model/index.ts'
import type { Reader, Writer } from '../store/index.ts'
import { bornVerdict } from './verdicts.ts'
import { isDirect, readLiveFunctions, type LiveFunction, type LiveVersion } from './snapshot.ts'
import { insertTerms } from './terms.ts'

/** One slot of the live set as it should be recorded now. */
interface LiveSlot {
  readonly alias: string
  readonly slot: 'primary' | 'weighted'
  readonly weight: number
  readonly target: LiveVersion
  readonly decisionId: string
}

export interface LedgerPosition {
  /** The time of the ledger entry being written: never before the last one's. */
  readonly atMs: number
  /** Its index. */
  readonly index: number
}

/**
 * Closes and opens intervals so that they say what the rows now say, in the transaction that changed them
 * (CONTRACTS "live_interval"). Whatever wrote the rows, the history follows from the rows alone.
 */
export async function reconcileIntervals(
  tx: Writer,
  place: Place,
  functionNames: readonly string[],
  position: LedgerPosition,
): Promise<RowRef[]> {
  const touched: RowRef[] = []
  if (functionNames.length === 0) return touched
  const functions = await readLiveFunctions(tx, place, functionNames)
  for (const name of new Set(functionNames)) {
    const owner = functions.get(name)
    const wanted = owner === undefined ? [] : slotsOf(owner)
    const closed = await closeStale(tx, name, wanted, position)
    const opened = await openMissing(tx, name, wanted, position)
    const ids = [...closed, ...opened.map(({ id }) => id)]
    for (const id of ids) touched.push({ table: 'live_interval', key: { id } })
    for (const live of opened) touched.push(await bornVerdict(tx, live, position.atMs))
  }
  return touched
}

/**
 * Exactly what can be invoked: `$LATEST` and every published version where the function's reach leaves them open, every
 * alias with its second version (RULES, Words).
 */
function slotsOf(owner: LiveFunction): LiveSlot[] {
  const slots: LiveSlot[] = []
  const direct = [owner.latest, ...owner.versions.values()]
  for (const target of direct) {
    if (target?.state !== 'Active' || !isDirect(owner.reach, target.version)) continue
    slots.push({
      alias: target.version,
      slot: 'primary',
      weight: 1,
      target,
      decisionId: target.spec.decisionId,
    })
  }
  for (const alias of owner.aliases.values()) {
    const share = alias.routing?.weight ?? 0
    pushAliasSlot(owner, slots, alias, {
      slot: 'primary',
      version: alias.version,
      weight: 1 - share,
    })
    if (alias.routing !== undefined) {
      pushAliasSlot(owner, slots, alias, {
        slot: 'weighted',
        version: alias.routing.version,
        weight: share,
      })
    }
  }
  return slots
}

function pushAliasSlot(
  owner: LiveFunction,
  slots: LiveSlot[],
  alias: { readonly name: string; readonly decisionId: string },
  part: {
    readonly slot: 'primary' | 'weighted'
    readonly version: string
    readonly weight: number
  },
): void {
  const target = part.version === LATEST ? owner.latest : owner.versions.get(part.version)
  if (target?.state !== 'Active') return
  slots.push({
    alias: alias.name,
    slot: part.slot,
    weight: part.weight,
    target,
    decisionId: alias.decisionId,
  })
}

async function closeStale(
  tx: Writer,
  functionName: string,
  wanted: readonly LiveSlot[],
  position: LedgerPosition,
): Promise<number[]> {
  const keep = new Set(wanted.map(fingerprint))
  const closed: number[] = []
  for (const row of await openRows(tx, functionName)) {
    if (keep.has(fingerprintOfRow(row))) continue
    await tx
      .updateTable('live_interval')
      .set({ to_ms: position.atMs, to_index: position.index })
      .where('id', '=', row.id)
      .execute()
    closed.push(row.id)
  }
  return closed
}

async function openMissing(
  tx: Writer,
  functionName: string,
  wanted: readonly LiveSlot[],
  position: LedgerPosition,
): Promise<{ readonly id: number; readonly decisionId: string }[]> {
  const open = new Set((await openRows(tx, functionName)).map(fingerprintOfRow))
  const opened: { readonly id: number; readonly decisionId: string }[] = []
  for (const slot of wanted) {
    if (open.has(fingerprint(slot))) continue
    const row = await tx
      .insertInto('live_interval')
      .values({
        function_name: functionName,
        alias: slot.alias,
        slot: slot.slot,
        version: slot.target.version,
        weight: slot.weight,
        layers: canonicalJson(slot.target.spec.layers as unknown as Json),
        code_sha256: slot.target.spec.code.codeSha256,
        release: slot.target.spec.release,
        decision_id: slot.decisionId,
        from_ms: position.atMs,
        to_ms: null,
        from_index: position.index,
        to_index: null,
      })
      .returning('id')
      .executeTakeFirstOrThrow()
    opened.push({ id: row.id, decisionId: slot.decisionId })
    await insertTerms(tx, {
      functionName,
      release: slot.target.spec.release,
      codeSha256: slot.target.spec.code.codeSha256,
      layers: slot.target.spec.layers,
      decisionId: slot.decisionId,
    })
  }
  return opened
}

async function openRows(tx: Reader, functionName: string) {
  return await tx
    .selectFrom('live_interval')
    .selectAll()
    .where('function_name', '=', functionName)
    .where('to_ms', 'is', null)
    .execute()
}

function fingerprint(slot: LiveSlot): string {
  const { spec, version } = slot.target
  return canonicalJson([
    slot.alias,
    slot.slot,
    version,
    slot.weight,
    spec.release,
    spec.code.codeSha256,
    slot.decisionId,
  ])
}

function fingerprintOfRow(row: Awaited<ReturnType<typeof openRows>>[number]): string {
  return canonicalJson([
    row.alias,
    row.slot,
    row.version,
    row.weight,
    row.release,
    row.code_sha256,
    row.decision_id,
  ])
}
