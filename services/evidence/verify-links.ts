import {
  formatVerifierKey,
  isSignedBy,
  parseCheckpoint,
  type NoteKey,
  type SignedCheckpoint,
} from '../ledger/index.ts'
import type { Findings } from './findings.ts'
import type { EvidenceLedger } from './ledgers.ts'
import { announces, type Link } from './links.ts'
import { sameKey } from './verify-log.ts'

/** Why the entries of a ledger are believed. */
export type Believed =
  | 'its key was given'
  | 'the ledger before announced its key'
  | 'the ledger after quotes it'
  | 'nothing'

/** What one ledger inside comes to. */
export interface LedgerTold {
  /** Its number; null where the archive is of one ledger alone. */
  readonly epoch: number | null
  readonly origin: string
  readonly size: number
  readonly root: string
  /** Entries of the range in it. */
  readonly entries: number
  readonly believed: Believed
  /** How it ended; null for the one in force. */
  readonly ended: 'key rotated' | 'given up' | null
  /** Entries under the last checkpoint known of one that was given up: more than `size` where some of them are lost. */
  readonly lastKnown: number | null
}

interface Pair {
  readonly before: EvidenceLedger
  readonly after: EvidenceLedger
  readonly link: Link
}

/**
 * That each ledger inside is the one that the next one took over from: the next one's first entry, which its own proof
 * holds in its log, quotes the size and the root that all proofs of the one before lead to.
 */
export function checkLinks(
  ledgers: readonly EvidenceLedger[],
  keys: readonly (NoteKey | undefined)[],
  findings: Findings,
): void {
  const origins = new Set(ledgers.map(({ checkpoint }) => checkpoint.origin))
  if (origins.size !== ledgers.length) findings.add('ledger', 'two ledgers inside have one name')
  for (const [at, after] of ledgers.entries()) {
    const before = ledgers[at - 1]
    if (before === undefined) continue
    const { link } = after
    if (link === undefined) {
      findings.add(
        'ledger',
        `the first entry of ${nameOf(after)} does not begin a ledger after another`,
      )
      continue
    }
    checkNames(after, link, findings)
    checkQuote({ before, after, link }, keys[at - 1], findings)
    if (link.how === 'rotated') checkAnnounced({ before, after, link }, findings)
  }
}

function nameOf({ epoch }: EvidenceLedger): string {
  return `ledger ${epoch ?? ''}`.trimEnd()
}

function checkNames(after: EvidenceLedger, link: Link, findings: Findings): void {
  const named =
    link.epoch === after.epoch &&
    link.origin === after.checkpoint.origin &&
    `${link.verifierKey}\n` === after.verifierKey
  if (!named)
    findings.add(
      'ledger',
      `the first entry of ${nameOf(after)} names another ledger or another key`,
    )
}

function checkQuote(
  { before, after, link }: Pair,
  key: NoteKey | undefined,
  findings: Findings,
): void {
  const { origin, size, root } = before.checkpoint
  const { previous, how } = link
  if (previous.origin !== origin || previous.size !== size || previous.root !== root)
    findings.add(
      'ledger',
      `${nameOf(after)} quotes another ledger than ${nameOf(before)} as it is inside`,
    )
  const quoted = lastKnownIn(link)
  // Of one that was given up the last checkpoint known may be of more, of another tree or of nobody: it is only told.
  if (how === 'recovered') return
  const same = quoted !== undefined && quoted.note.text === before.checkpoint.note.text
  if (!same || (key !== undefined && !isSignedBy(quoted.note, key)))
    findings.add(
      'ledger',
      `${nameOf(after)} quotes another checkpoint than that of ${nameOf(before)}`,
    )
}

/** A key is rotated by the ledger itself: its last entry, under the old key, names the new one. */
function checkAnnounced({ before, after, link }: Pair, findings: Findings): void {
  const last = before.entries.get(before.checkpoint.size - 1)?.entry
  if (!announces(last, link))
    findings.add('ledger', `${nameOf(before)} did not announce ${nameOf(after)}`)
  else if (last !== undefined && last.at > after.begunMs)
    findings.add('ledger', `${nameOf(after)} is told to have begun before ${nameOf(before)} ended`)
}

/** The last checkpoint that is known of the ledger before; undefined where there is none that can be read. */
export function lastKnownIn({ previous }: Link): SignedCheckpoint | undefined {
  try {
    return previous.checkpoint === null ? undefined : parseCheckpoint(previous.checkpoint)
  } catch {
    return undefined
  }
}

/**
 * Why each ledger is believed, by keys given from outside. A ledger whose key was rotated announced the next one under its
 * own key; one that was given up did not, and its key says nothing of what comes after. Every ledger quotes the one before.
 */
export function believe(
  ledgers: readonly EvidenceLedger[],
  keys: readonly (NoteKey | undefined)[],
  given: readonly NoteKey[],
): Believed[] {
  // What is kept of one that was given up may be signed by nobody: then its key says nothing of it.
  const isSigned = ledgers.map(({ checkpoint }, at) => {
    const key = keys[at]
    return key !== undefined && isSignedBy(checkpoint.note, key)
  })
  const believed = keys.map((key, at): Believed => {
    const isGiven = key !== undefined && given.some((one) => sameKey(one, key))
    return isGiven && isSigned[at] === true ? 'its key was given' : 'nothing'
  })
  for (const [at, { link }] of ledgers.entries()) {
    const isAnnounced = link?.how === 'rotated' && (believed[at - 1] ?? 'nothing') !== 'nothing'
    if (believed[at] === 'nothing' && isAnnounced && isSigned[at] === true)
      believed[at] = 'the ledger before announced its key'
  }
  for (let at = ledgers.length - 2; at >= 0; at -= 1)
    if (believed[at] === 'nothing' && believed[at + 1] !== 'nothing')
      believed[at] = 'the ledger after quotes it'
  return believed
}

/** Whether keys were given, and none of them is of a ledger inside. */
export function isNoneOfThem(
  keys: readonly (NoteKey | undefined)[],
  given: readonly NoteKey[],
): boolean {
  const inside = keys.flatMap((key) => (key === undefined ? [] : [formatVerifierKey(key)]))
  return given.length > 0 && !given.some((one) => inside.includes(formatVerifierKey(one)))
}

export function toldOf(
  ledgers: readonly EvidenceLedger[],
  believed: readonly Believed[],
): LedgerTold[] {
  return ledgers.map(({ epoch, checkpoint, range }, at) => {
    const next = ledgers[at + 1]?.link
    const { origin, size, root } = checkpoint
    return {
      epoch: epoch ?? null,
      origin,
      size,
      root,
      entries: range.end - range.first,
      believed: believed[at] ?? 'nothing',
      ended: next === undefined ? null : next.how === 'rotated' ? 'key rotated' : 'given up',
      lastKnown: next?.how === 'recovered' ? (lastKnownIn(next)?.size ?? null) : null,
    }
  })
}
