import { cosignedAt, type NoteKey, type SignedCheckpoint } from '../ledger/index.ts'
import type { EvidenceContents } from './contents.ts'
import type { Findings } from './findings.ts'

/** A witness by a key from outside, and the largest checkpoint inside that it cosigned. */
export interface WitnessTold {
  readonly name: string
  /** Of the newest ledger inside that it cosigned. */
  readonly origin: string
  /** It saw so many of the entries. */
  readonly size: number
  readonly atMs: number
}

/** Cosignatures by keys from outside: one that does not verify is a finding, and so is a witness that said nothing. */
export function checkWitnesses(
  contents: EvidenceContents,
  keys: readonly NoteKey[],
  findings: Findings,
): WitnessTold[] {
  return keys.flatMap((key) => {
    const told: WitnessTold[] = []
    const said = checkpointsOf(contents).filter(({ note }) =>
      note.signatures.some(({ name, id }) => name === key.name && id === key.id),
    )
    if (said.length === 0)
      findings.add('checkpoint', `no checkpoint inside is cosigned by ${key.name}`)
    for (const { note, size, origin } of said) {
      const seconds = cosignedAt(note, key)
      if (seconds !== undefined) told.push({ name: key.name, origin, size, atMs: seconds * 1_000 })
      else
        findings.add(
          'checkpoint',
          `what ${key.name} said of the checkpoint of size ${size} does not verify`,
        )
    }
    const newest = told.filter(({ origin }) => origin === told[0]?.origin)
    return newest.toSorted((a, b) => b.size - a.size).slice(0, 1)
  })
}

/** Names on checkpoints inside beside the log's own and those given: nothing is said of them. */
export function unverifiedCosigners(
  contents: EvidenceContents,
  keys: readonly NoteKey[],
): string[] {
  const own = contents.ledgers.map(({ verifierKey }) => {
    const [name, id] = verifierKey.trim().split('+')
    return { name, id }
  })
  const known = [...own, ...keys]
  const others = checkpointsOf(contents)
    .flatMap(({ note }) => note.signatures)
    .filter((one) => !known.some((key) => key.name === one.name && key.id === one.id))
  return [...new Set(others.map((one) => one.name))]
}

/** Those of the newest ledger first. */
function checkpointsOf({ ledgers }: EvidenceContents): SignedCheckpoint[] {
  return ledgers
    .toReversed()
    .flatMap(({ checkpoint, checkpoints }) => [
      checkpoint,
      ...checkpoints.map((one) => one.checkpoint),
    ])
}
