import {
  cosignedAt,
  isSignedBy,
  isTlogProof,
  leafHash,
  parseAddCheckpoint,
  parseCheckpoint,
  parseTlogProof,
  verifyConsistency,
  verifyInclusion,
  type NoteKey,
  type SignedCheckpoint,
} from '../../services/ledger/index.ts'
import { PlatformError, toIsoTime } from '../../services/model/index.ts'

export interface ProofReport {
  readonly kind: 'consistency' | 'inclusion'
  readonly origin: string
  /** Of the tree that it leads to. */
  readonly size: number
  readonly root: string
  /** The log's key came from outside, and every checkpoint is under it. */
  readonly authenticated: boolean
  readonly findings: readonly string[]
  /** Of the witnesses that were given. */
  readonly cosigned: readonly { readonly witness: string; readonly at: string }[]
  /** What is proven: the old size, or the entry. */
  readonly from?: number
  readonly index?: number
  readonly entry?: string
}

export interface ProofKeys {
  readonly logKey: NoteKey | undefined
  readonly witnesses: readonly NoteKey[]
  /** Checkpoints kept outside. */
  readonly checkpoints: readonly SignedCheckpoint[]
}

/**
 * A proof that `lacre ledger prove` wrote, or any tool that knows C2SP's formats. Pure.
 * @throws PlatformError INVALID_PARAMETER where it is no proof, or the checkpoint that it starts from is not given
 */
export function verifyProofFile(file: string, keys: ProofKeys): ProofReport {
  return isTlogProof(file) ? inclusion(file, keys) : consistency(file, keys)
}

function consistency(file: string, keys: ProofKeys): ProofReport {
  const { oldSize, proof, note } = parseAddCheckpoint(file)
  const to = parseCheckpoint(note)
  const old = keys.checkpoints.find(({ size }) => size === oldSize)
  if (old === undefined)
    throw new PlatformError(
      'INVALID_PARAMETER',
      `the proof starts from ${oldSize} entries: give the checkpoint over them with --checkpoint`,
    )
  const findings = [...signatures([old, to], keys)]
  const sound = verifyConsistency({
    first: old.size,
    second: to.size,
    firstRoot: old.root,
    secondRoot: to.root,
    proof,
  })
  if (old.origin !== to.origin) findings.push('the two checkpoints are of different ledgers')
  if (!sound) findings.push('the later checkpoint does not extend the earlier one')
  return { ...common('consistency', to, { keys, findings }), from: oldSize }
}

function inclusion(file: string, keys: ProofKeys): ProofReport {
  const { index, proof, note, extra } = parseTlogProof(file)
  const to = parseCheckpoint(note)
  if (extra === undefined)
    throw new PlatformError('INVALID_PARAMETER', 'the proof does not hold the entry it is about')
  const findings = signatures([to], keys)
  const { size, root } = to
  if (!verifyInclusion({ index, size, root, leafHash: leafHash(extra), proof }))
    findings.push('the entry is not in the tree of the checkpoint')
  const same = keys.checkpoints.filter((one) => one.size === size)
  if (same.some((one) => one.root !== root || one.origin !== to.origin))
    findings.push('the checkpoint kept outside is another one')
  const entry = Buffer.from(extra).toString('utf8')
  return { ...common('inclusion', to, { keys, findings }), index, entry }
}

function signatures(checkpoints: readonly SignedCheckpoint[], { logKey }: ProofKeys): string[] {
  if (logKey === undefined) return []
  return checkpoints.flatMap(({ note, size }) =>
    isSignedBy(note, logKey) ? [] : [`the checkpoint of size ${size} is not by the log's key`],
  )
}

function common(
  kind: ProofReport['kind'],
  to: SignedCheckpoint,
  { keys, findings }: { readonly keys: ProofKeys; readonly findings: string[] },
): ProofReport {
  const cosigned = keys.witnesses.flatMap((witness) => {
    const seconds = cosignedAt(to.note, witness)
    if (seconds === undefined) findings.push(`\`${witness.name}\` did not cosign the checkpoint`)
    return seconds === undefined ? [] : [{ witness: witness.name, at: toIsoTime(seconds * 1_000) }]
  })
  return {
    kind,
    origin: to.origin,
    size: to.size,
    root: to.root,
    authenticated: keys.logKey !== undefined && findings.length === 0,
    findings,
    cosigned,
  }
}
