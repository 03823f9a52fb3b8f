import {
  formatVerifierKey,
  type LedgerEntry,
  type LedgerFinding,
  type NoteKey,
} from '../ledger/index.ts'
import { canonicalJson, type Json } from '../model/index.ts'
import type { PastLedgerTable } from '../store/index.ts'
import { BEGUN, SUCCEEDED, toNamed } from './succession.ts'

/** The ledger before. */
export interface EndedTree {
  readonly ended: PastLedgerTable | undefined
  readonly last: LedgerEntry | undefined
}

export interface Beginning {
  /** As the ledger before was ended; undefined for the first ledger. */
  readonly how: 'rotated' | 'recovered' | undefined
  readonly findings: readonly LedgerFinding[]
}

interface Found {
  readonly first: LedgerEntry | undefined
  readonly origin: string
  /** By the database. */
  readonly key: NoteKey | undefined
}

/**
 * Every ledger but the first begins by quoting the one before, and says which key it is under; where that key was
 * rotated, the last entry before announced it.
 */
export function checkBeginning(tree: EndedTree | undefined, found: Found): Beginning {
  const before = tree?.ended
  if (before === undefined) return { how: undefined, findings: [] }
  const { first, origin, key } = found
  const findings: LedgerFinding[] = []
  const find = (message: string): void => void findings.push({ kind: 'forked', message, index: 0 })
  const note = toMembers(first?.note)
  const previous = {
    origin: before.origin,
    size: before.size,
    root: before.root,
    checkpoint: before.checkpoint,
  }
  if (first?.type !== BEGUN || note['how'] !== before.how)
    find('the first entry does not begin this ledger')
  else if (canonicalJson(note['previous'] ?? null) !== canonicalJson(previous))
    find('the first entry quotes another ledger than the one before')
  const named = toNamed(first?.note)
  if (named?.origin !== origin) find('the first entry is of another ledger')
  if (key === undefined || named?.verifierKey !== formatVerifierKey(key))
    find('the first entry names another key than the one that is kept')
  if (before.how === 'rotated') {
    const last = tree?.last
    const announced = last?.type === SUCCEEDED ? toNamed(last.note) : undefined
    if (announced?.origin !== named?.origin || announced?.verifierKey !== named?.verifierKey)
      find('the ledger before did not announce this one')
  }
  return { how: before.how, findings }
}

function toMembers(note: Json | undefined): Readonly<Record<string, Json | undefined>> {
  return typeof note === 'object' && note !== null && !Array.isArray(note)
    ? (note as Readonly<Record<string, Json | undefined>>)
    : {}
}
