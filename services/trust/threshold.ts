import type {
  SealFinding,
  SealReport,
  SignerIdentity,
  SigningRequirements,
  Verdict,
} from '../model/index.ts'
import { failed, passed } from './findings.ts'

/** One signer, by whatever names, with the publishers for whom its seals count. */
interface CountedSigner {
  readonly identity: SignerIdentity
  readonly names: Set<string>
  readonly publishers: Set<string>
}

/**
 * The signers behind trusted seals, each once over all kinds: the same key, identity or lineage is one (RULES §4).
 * Two that a third one links are one as well.
 */
function countedSigners(seals: readonly SealReport[]): readonly CountedSigner[] {
  let signers: CountedSigner[] = []
  for (const { outcome, signer, publisher, countsFor } of seals) {
    if (outcome !== 'trusted' || signer === undefined || publisher === undefined) continue
    const { id, spkiSha256, lineage } = signer
    const merged: CountedSigner = {
      identity: signer,
      names: new Set([id, spkiSha256, ...(lineage === undefined ? [] : [lineage])]),
      publishers: new Set([publisher.publisherId, ...(countsFor ?? [])]),
    }
    const same = signers.filter(({ names }) => [...names].some((name) => merged.names.has(name)))
    for (const one of same) {
      for (const name of one.names) merged.names.add(name)
      for (const name of one.publishers) merged.publishers.add(name)
    }
    const identity = same[0]?.identity ?? signer
    signers = [...signers.filter((one) => !same.includes(one)), { ...merged, identity }]
  }
  return signers
}

/** The most signers that can stand for a publisher each, no publisher twice: a maximum matching (augmenting paths). */
function matchPublishers(signers: readonly CountedSigner[]): ReadonlyMap<string, CountedSigner> {
  const taken = new Map<string, CountedSigner>()
  const place = (signer: CountedSigner, tried: Set<string>): boolean => {
    for (const publisher of signer.publishers) {
      if (tried.has(publisher)) continue
      tried.add(publisher)
      const holder = taken.get(publisher)
      if (holder !== undefined && !place(holder, tried)) continue
      taken.set(publisher, signer)
      return true
    }
    return false
  }
  for (const signer of signers) place(signer, new Set())
  return taken
}

/** How many signers stand behind trusted seals, of whatever publishers. */
export function countSigners(seals: readonly SealReport[]): number {
  return countedSigners(seals).length
}

/** The signers that count towards a threshold: each of another publisher, as many as there can be. */
export function distinctSigners(verdict: Verdict): readonly SignerIdentity[] {
  const signers = countedSigners(verdict.seals)
  const matched = new Set(matchPublishers(signers).values())
  return signers.filter((signer) => matched.has(signer)).map(({ identity }) => identity)
}

/** Whether enough signers of enough publishers stand behind the artifact; nothing where one is enough anyway. */
export function checkThreshold(
  seals: readonly SealReport[],
  requirements: SigningRequirements | undefined,
): readonly SealFinding[] {
  if (requirements === undefined) return []
  const { minSigners, minPublishers } = requirements
  const signers = countedSigners(seals)
  const publishers = matchPublishers(signers).size
  const expected = `${minSigners} distinct signers, of ${minPublishers} distinct publishers`
  const who = signers.map(({ identity }) => identity.display).join(', ')
  const got = `${signers.length} distinct signers, of ${publishers} distinct publishers${who === '' ? '' : `: ${who}`}`
  if (signers.length >= minSigners && publishers >= minPublishers)
    return [passed('mismatch', expected, got)]
  return [
    failed('mismatch', 'threshold', {
      expected,
      got,
      fix: 'have others seal it with keys of their own, for other publishers that the code signing config names',
    }),
  ]
}
