import { PlatformError, type Revocation } from '../model/index.ts'
import type { Reader, Writer } from '../store/index.ts'

export interface NewRevocation extends Revocation {
  /** `rev-` ULID */
  readonly id: string
}

/** What counts today: one revocation per target, the one with the earliest effective time. */
export async function revocations(reader: Reader): Promise<Revocation[]> {
  const earliest = new Map<string, Revocation>()
  for (const revocation of await revocationHistory(reader)) {
    const key = `${revocation.targetKind} ${revocation.target}`
    const known = earliest.get(key)
    if (known === undefined || revocation.effectiveAtMs < known.effectiveAtMs) {
      earliest.set(key, revocation)
    }
  }
  return [...earliest.values()]
}

/** Every revocation ever recorded, in that order. */
export async function revocationHistory(reader: Reader): Promise<NewRevocation[]> {
  const rows = await reader
    .selectFrom('revocation')
    .selectAll()
    .orderBy('recorded_at')
    .orderBy('id')
    .execute()
  return rows.map((row) => ({
    id: row.id,
    targetKind: row.target_kind,
    target: row.target,
    effectiveAtMs: row.effective_at,
    recordedAtMs: row.recorded_at,
    reason: row.reason,
  }))
}

/**
 * RULES §4: revocation entries are final; a later one for the same target may only move the effective time earlier.
 * @throws PlatformError RESOURCE_CONFLICT
 */
export async function insertRevocation(tx: Writer, revocation: NewRevocation): Promise<void> {
  const earlier = await tx
    .selectFrom('revocation')
    .select('id')
    .where('target_kind', '=', revocation.targetKind)
    .where('target', '=', revocation.target)
    .where('effective_at', '<=', revocation.effectiveAtMs)
    .executeTakeFirst()
  if (earlier !== undefined) {
    throw new PlatformError(
      'RESOURCE_CONFLICT',
      `\`${revocation.target}\` is revoked already from that time or before; a revocation is final and may only move earlier`,
    )
  }
  await tx
    .insertInto('revocation')
    .values({
      id: revocation.id,
      target_kind: revocation.targetKind,
      target: revocation.target,
      effective_at: revocation.effectiveAtMs,
      recorded_at: revocation.recordedAtMs,
      reason: revocation.reason,
    })
    .execute()
}
