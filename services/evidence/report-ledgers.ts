import { toIsoTime } from '../model/index.ts'
import type { EvidenceContents } from './contents.ts'
import type { EvidenceLedger } from './ledgers.ts'
import { wholeRange } from './places.ts'

/** A ledger, and which of the numbers of this report are of it: entries are counted through. */
export interface LedgerLine {
  readonly epoch: number
  readonly origin: string
  readonly first: number
  readonly size: number
  readonly root: string
  readonly verifierKey: string
  readonly signed: boolean
  readonly begun: string | null
  /** How it took over from the one before: by a new key, or since that was given up. */
  readonly how: string | null
}

export function toLedgerLine(ledger: EvidenceLedger): LedgerLine {
  const { epoch, base, checkpoint, verifierKey, link, begunMs } = ledger
  const { origin, size, root, note } = checkpoint
  return {
    epoch: epoch ?? 0,
    origin,
    first: base,
    size,
    root,
    verifierKey,
    signed: note.signatures.length > 0,
    begun: link === undefined ? null : toIsoTime(begunMs),
    how: link?.how ?? null,
  }
}

/** Ledgers that began within the range since the one before was given up: what that one lost is in no ledger. */
export function lostInside({ head, ledgers }: EvidenceContents): EvidenceLedger[] {
  const { first, end } = wholeRange(head)
  return ledgers.filter(
    ({ link, base }) => link?.how === 'recovered' && first <= base && base <= end,
  )
}

export function lossOf({ epoch, link }: EvidenceLedger): string {
  return `Completeness is not shown: within these entries ledger ${(epoch ?? 0) - 1} was given up with ${link?.previous.size ?? 0} entries kept, and what it had beyond them, if anything, is in no ledger.`
}

/** What is proven across ledgers, and by whom. */
export function chainOf({ ledgers }: EvidenceContents): string[] {
  return [
    'The ledger changed within what is shown. Each ledger has its own key and checkpoint; entries are numbered through all of them, as the table of ledgers says. The first entry of each ledger but the oldest stands in its log and quotes the size and root of the one before, which all proofs of that one lead to.',
    ...ledgers.flatMap(({ epoch, link }) => {
      if (link === undefined) return []
      const before = `ledger ${(epoch ?? 0) - 1}`
      return [
        link.how === 'rotated'
          ? `Ledger ${epoch} follows ${before}, whose key was rotated: its last entry, under its own key, announced the new key, and nothing came after it.`
          : `Ledger ${epoch} does not extend ${before}, which was given up: it only quotes what was kept of it. That this is what the log before had signed is shown as far as its own checkpoints inside go; beyond them it is the word of ledger ${epoch}.`,
      ]
    }),
  ]
}
