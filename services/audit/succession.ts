import assert from 'node:assert/strict'

import {
  LEDGER_BEGUN,
  LEDGER_SUCCEEDED,
  formatNote,
  formatVerifierKey,
  noteKey,
  parseEntry,
  type SignedCheckpoint,
} from '../ledger/index.ts'
import { PlatformError, systemPrincipal, type Json } from '../model/index.ts'
import type { Keys } from '../keys/index.ts'
import type { Reader, Store, Writer } from '../store/index.ts'
import { Outbox } from '../webhooks/index.ts'
import { append, type NewEntry } from './append.ts'
import { beginLedger, currentEpoch, findLogKey, ledgerKey } from './epochs.ts'
import { findHead } from './head.ts'

/** The last entry of a ledger whose key is rotated: it names the ledger that goes on. */
export const SUCCEEDED = LEDGER_SUCCEEDED
/** The first entry of every ledger but the first: it quotes the one before. */
export const BEGUN = LEDGER_BEGUN

/** A ledger as another one names it. */
export interface NamedLedger {
  readonly origin: string
  readonly verifierKey: string
}

/** What the first entry says of the ledger before. */
export interface PreviousLedger {
  readonly origin: string
  /** What is kept of it. */
  readonly size: number
  readonly root: string
  /** The last checkpoint known of it. */
  readonly checkpoint: string | null
}

/** Where the newest entry names a successor: a rotation that was announced and not finished. */
export async function findSuccession(reader: Reader): Promise<NamedLedger | undefined> {
  const last = await reader
    .selectFrom('ledger_entry')
    .select('body')
    .orderBy('index', 'desc')
    .limit(1)
    .executeTakeFirst()
  const entry = last === undefined ? undefined : parseEntry(last.body)
  return entry?.type === SUCCEEDED ? toNamed(entry.note) : undefined
}

export function toNamed(note: Json | undefined): NamedLedger | undefined {
  if (typeof note !== 'object' || note === null || Array.isArray(note)) return undefined
  const { origin, verifierKey } = note as Readonly<Record<string, Json>>
  const sound = typeof origin === 'string' && typeof verifierKey === 'string'
  return sound ? { origin, verifierKey } : undefined
}

/**
 * Whether the ledger that is named is one that this service has the key of.
 * @throws PlatformError LEDGER_BROKEN
 */
export async function checkAnnounced(
  reader: Reader,
  { origin, verifierKey }: NamedLedger,
  epoch: number,
): Promise<void> {
  const key = await findLogKey(reader, { origin, epoch })
  if (key === undefined || formatVerifierKey(key) !== verifierKey)
    throw new PlatformError(
      'LEDGER_BROKEN',
      'the ledger announces another one whose key is not kept here',
    )
}

/** The key of the next ledger, made where it is not there yet, under the origin it will have. */
export async function nextLedger(
  store: Store,
  keys: Keys,
  origin: string,
): Promise<NamedLedger & { readonly keyPurpose: string }> {
  const keyPurpose = ledgerKey((await currentEpoch(store.reader)) + 1)
  const { publicKeyPem } = await keys.signer(keyPurpose)
  return { origin, verifierKey: formatVerifierKey(noteKey(origin, publicKeyPem)), keyPurpose }
}

/** Announces the next ledger under the key of this one: its last entry. */
export async function announce(tx: Writer, next: NamedLedger, atMs: number): Promise<void> {
  const { origin, verifierKey } = next
  const entry = await systemEntry(tx, { type: SUCCEEDED, atMs, note: { origin, verifierKey } })
  await append(tx, entry, new Outbox())
}

/** Ends the ledger that announced it, under the checkpoint that covers the announcement. */
export async function succeed(
  tx: Writer,
  state: {
    readonly succession: NamedLedger
    readonly checkpoint: SignedCheckpoint | undefined
    readonly epoch: number
    readonly atMs: number
  },
): Promise<void> {
  const { succession, checkpoint, epoch, atMs } = state
  const head = await findHead(tx)
  assert(head !== undefined && checkpoint?.size === head.size, 'the whole ledger is signed')
  const note = noteOf(checkpoint)
  const { origin, size, root, last_at: lastAt } = head
  await beginLedger(
    tx,
    { epoch, origin, how: 'rotated', size, root, checkpoint: note, ended_at: atMs },
    { origin: succession.origin, lastAt },
  )
  const previous: PreviousLedger = { origin, size, root, checkpoint: note }
  const begun = { epoch: epoch + 1, how: 'rotated', ...succession, previous: { ...previous } }
  const entry = {
    ...(await systemEntry(tx, { type: BEGUN, atMs, note: begun })),
    touched: [{ table: 'past_ledger' as const, key: { epoch } }],
  }
  await append(tx, entry, new Outbox())
}

/** The note as its log signed it, without what others said of it. */
export function noteOf({ note }: SignedCheckpoint): string {
  const [own] = note.signatures
  assert(own !== undefined, 'a checkpoint is signed')
  return formatNote(note.text, [own])
}

/** An entry that the ledger makes about itself. */
export async function systemEntry(
  tx: Writer,
  event: { readonly type: string; readonly atMs: number; readonly note: Json },
): Promise<NewEntry> {
  const world = await tx.selectFrom('world').select('counter').executeTakeFirstOrThrow()
  return {
    type: event.type,
    at: event.atMs,
    principal: systemPrincipal,
    action: 'lacre:BeginLedger',
    resource: 'ledger',
    decision: null,
    world: world.counter,
    touched: [],
    note: event.note,
  }
}
