import type { SealFinding, SealReport, Verdict } from '../model/index.ts'
import { VerificationCache } from './cache.ts'
import { failed, passed } from './findings.ts'
import type { JudgeInput } from './judge-input.ts'
import { toKnownPublishers } from './publisher-material.ts'
import { judgeSeal } from './report.ts'
import { checkThreshold, countSigners } from './threshold.ts'

/**
 * What the seals of one artifact say about this use of it, at this instant: AWS's four checks by RULES §3 and §4.
 * A no is in the verdict, with every reason; nothing is thrown for a bad seal. `cache` remembers mathematics only.
 */
export function judge(input: JudgeInput, cache = new VerificationCache()): Verdict {
  const known = toKnownPublishers(input, cache)
  const judged = input.seals.map((seal) => judgeSeal(seal, { input, known, cache }))
  const seals = judged.map(({ report }) => report)
  const found = verdictKind(seals)
  const threshold = checkThreshold(seals, input.requirements)
  const short = threshold.some(({ status }) => status === 'failed')
  // Too few signers: each of them is told as trusted, the artifact is not.
  const kind = found === 'trusted' && short ? 'untrusted' : found
  const { unchecked = [] } = input
  const changes = judged.flatMap(({ changesAtMs }) => changesAtMs).filter((ms) => ms >= input.atMs)
  return {
    kind,
    seals,
    findings: [...summarize(found, seals, input), ...threshold],
    ...(unchecked.length > 0 && { unchecked }),
    validUntilMs: changes.length === 0 ? undefined : Math.min(...changes),
    signers: countSigners(seals),
  }
}

function verdictKind(seals: readonly SealReport[]): Verdict['kind'] {
  if (seals.length === 0) return 'unsigned'
  if (seals.some(({ outcome }) => outcome === 'tampered')) return 'tampered'
  return seals.some(({ outcome }) => outcome === 'trusted') ? 'trusted' : 'untrusted'
}

/** The four checks, each at least once: those of the seal that decides. */
function summarize(
  kind: Verdict['kind'],
  seals: readonly SealReport[],
  input: JudgeInput,
): readonly SealFinding[] {
  if (kind === 'unsigned') return unsignedFindings(input)
  const deciding = [
    ...seals
      .filter(({ outcome }) => outcome === kind && kind !== 'untrusted')
      .toSorted((a, b) => warnings(a) - warnings(b)),
    ...seals.toSorted((a, b) => failures(a) - failures(b)),
  ].slice(0, 1)
  const others = seals.filter((seal) => !deciding.includes(seal) && kind === 'tampered')
  const broken = others.flatMap(({ outcome, findings }) =>
    outcome === 'tampered' ? findings.filter(({ rule }) => rule === 'integrity') : [],
  )
  return [...deciding.flatMap(({ findings }) => findings), ...broken]
}

/** A signer that is known comes nearer than one that is not. */
function failures({ findings, publisher }: SealReport): number {
  const failing = findings.filter(({ status }) => status === 'failed').length
  return failing + (publisher === undefined ? 100 : 0)
}

function warnings({ findings }: SealReport): number {
  return findings.filter(({ status }) => status === 'warned').length
}

/** AWS: code without a signature fails the mismatch check. */
function unsignedFindings({ name, publishers, awsSigned }: JudgeInput): SealFinding[] {
  const allowed = publishers.filter((publisher) => publisher.allowed)
  // RULES §4: its digest joins names and bodies without lengths, so that files can be cut anew under it.
  const foreign = awsSigned === true ? '; aws-signer: unframed, which counts for nothing' : ''
  return [
    passed('integrity', 'no seal that was changed', 'no seal'),
    failed('mismatch', 'unsigned', {
      expected: `a seal by ${allowed.map((one) => `\`${one.name}\``).join(' or ') || 'a publisher'} for \`${name}\``,
      got: `no seal, neither in the zip nor beside it${foreign}`,
      nearest: allowed[0]?.name,
      fix:
        awsSigned === true
          ? 'vouch for its SHA-256: `lacre vouch F.zip --key K.pem --name FUNCTION --not-after TIME`'
          : 'sign the zip: `lacre sign F.zip --key K.pem`',
    }),
    passed('expiry', 'no seal that has expired', 'no seal'),
    passed('revocation', 'nothing revoked', 'no seal'),
  ]
}
