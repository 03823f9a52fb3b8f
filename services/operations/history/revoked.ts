import { revocationHistory, type NewRevocation } from '../../catalog/index.ts'
import type { HeldInterval } from '../../live/index.ts'
import type { Facts, SealReport, SubjectFacts } from '../../model/index.ts'
import type { Reader } from '../../store/index.ts'

/** A revocation that reaches what was live at an instant. */
export interface RevocationThen extends NewRevocation {
  /** ARN of the function's version or of the layer whose seal it reaches. */
  readonly subject: string
  /** Recorded by that instant already; where not, it is known now and was not then. */
  readonly knownThen: boolean
}

/** By kind and target. */
export type RevocationsKnown = ReadonlyMap<string, readonly NewRevocation[]>

/** Those that have taken effect by `atMs` as the records of `knownAtMs` say. */
export async function revocationsKnown(
  reader: Reader,
  { atMs, knownAtMs }: { readonly atMs: number; readonly knownAtMs: number },
): Promise<RevocationsKnown> {
  const known = new Map<string, NewRevocation[]>()
  for (const one of await revocationHistory(reader)) {
    if (one.effectiveAtMs > atMs || one.recordedAtMs > knownAtMs) continue
    const key = `${one.targetKind} ${one.target}`
    known.set(key, [...(known.get(key) ?? []), one])
  }
  return known
}

/**
 * The revocations that reach a seal that counted when the interval's decision was made. As in a judgement, a seal whose
 * every trusted time lies before the effective time stays good (RULES §4).
 */
export function revocationsReaching(
  known: RevocationsKnown,
  facts: Pick<Facts, 'subjects'>,
  held: HeldInterval,
  atMs: number,
): RevocationThen[] {
  if (known.size === 0) return []
  const found = new Map<string, RevocationThen>()
  for (const { arn, verdict } of subjectsBehind(facts, held))
    for (const seal of verdict.seals.filter(({ outcome }) => outcome === 'trusted'))
      for (const one of targetsOf(seal).flatMap((key) => known.get(key) ?? []))
        if (!isBefore(seal, one.effectiveAtMs))
          found.set(`${one.id} ${arn}`, {
            ...one,
            subject: arn,
            knownThen: one.recordedAtMs <= atMs,
          })
  return [...found.values()]
}

/** What was judged of this slot: the decision of an alias judges both of its versions, which may be of the same code. */
function subjectsBehind({ subjects }: Pick<Facts, 'subjects'>, held: HeldInterval): SubjectFacts[] {
  const code = subjects.filter(
    ({ kind, codeSha256 }) => kind === 'function' && codeSha256 === held.codeSha256,
  )
  const own = code.find(({ arn }) => arn.endsWith(`:${held.version}`)) ?? code[0]
  const layers = new Set<string>(held.layers.map(({ codeSha256 }) => codeSha256))
  return [
    ...(own === undefined ? [] : [own]),
    ...subjects.filter(({ kind, codeSha256 }) => kind === 'layer' && layers.has(codeSha256)),
  ]
}

function isBefore({ trustedTimesMs }: SealReport, effectiveAtMs: number): boolean {
  return (
    trustedTimesMs.length > 0 && trustedTimesMs.every((signedAtMs) => signedAtMs < effectiveAtMs)
  )
}

function targetsOf({ digest, publisher, signer }: SealReport): string[] {
  const targets = [`seal ${digest}`]
  if (publisher !== undefined)
    targets.push(`publisher ${publisher.publisherId}`, `publisher-version ${publisher.arn}`)
  if (signer !== undefined) targets.push(`key ${signer.spkiSha256}`)
  if (signer?.certificateSha256 !== undefined)
    targets.push(`certificate ${signer.certificateSha256}`)
  return targets
}
