import type { Decision, DecisionCheck, Facts } from '../../services/model/index.ts'
import { inline } from '../terminal.ts'

/** Facts of later or earlier versions may have members that this one does not know, and lack some that it does. */
type KnownFacts = Partial<Facts> & Readonly<Record<string, unknown>>

/**
 * A decision told from its record: who asked for what, what was decided, every check that stands against it with what
 * would have to change, and what it was decided by. Lines of plain text.
 */
export function decisionInWords(decision: Decision, facts: KnownFacts): string {
  return [
    `decision ${decision.id}, ${decision.at}`,
    '',
    asked(facts),
    ...whatRuns(facts),
    outcome(decision),
    ...against(decision.checks),
    ...aside(decision.checks),
    ...usedMembers(facts),
    ...basis(decision),
  ]
    .map(inline)
    .join('\n')
}

const OUTCOMES: Readonly<Record<Decision['outcome'], string>> = {
  allow: 'It was allowed',
  warn: 'It was allowed with a warning',
  deny: 'It was refused',
}

function asked({ principal, action, resource, change }: KnownFacts): string {
  const who =
    principal === undefined
      ? 'Somebody'
      : `\`${principal.name}\` (${principal.kind}${rolesOf(principal.roles)})`
  return `${who} asked for ${action ?? 'a change'} of ${resource ?? 'something'}${moveOf(change)}.`
}

function rolesOf(roles: readonly string[]): string {
  return roles.length === 0 ? '' : `, in the role${plural(roles.length)} ${roles.join(', ')}`
}

function moveOf(change: KnownFacts['change']): string {
  if (change === undefined) return ''
  const [from, to] = [shown(change.from), shown(change.to)]
  const { weight } = change
  const share =
    weight === undefined ? '' : `, with ${Math.round(weight * 1000) / 10} % of its calls`
  if (from === null) return to === null ? '' : `: ${to}, where nothing was${share}`
  return to === null ? `: away from ${from}` : `: from ${from} to ${to}${share}`
}

/** A version's number as it is, a release by the start of its digest. */
function shown(what: string | null): string | null {
  return what !== null && /^[0-9a-f]{64}$/.test(what) ? `release ${what.slice(0, 12)}…` : what
}

/** One line to each of code and layers: what it is, and what its seals say. */
function whatRuns({ subjects = [] }: KnownFacts): string[] {
  return subjects.map(({ kind, arn, codeSha256, verdict }) => {
    const names = verdict.seals.flatMap(({ outcome: trusted, publisher }) =>
      trusted === 'trusted' && publisher !== undefined ? [`\`${publisher.name}\``] : [],
    )
    const by = names.length === 0 ? '' : ` by ${[...new Set(names)].join(' and ')}`
    return `The ${kind} ${arn} (SHA-256 ${codeSha256.slice(0, 12)}…) is ${verdict.kind}${by}.`
  })
}

function outcome({ outcome: what, refusal, checks }: Decision): string {
  const bad = checks.filter(({ status }) => status === 'failed').length
  const warned = checks.filter(({ status }) => status === 'warned').length
  const counts = [
    ...(bad > 0 ? [`${bad} failed`] : []),
    ...(warned > 0 ? [`${warned} would fail and is only logged here`] : []),
  ].join(', ')
  const because = refusal === undefined ? '' : ` (${refusal})`
  const summary = counts === '' ? `none stands against it` : counts
  return `${OUTCOMES[what]}${because}: of ${checks.length} check${plural(checks.length)}, ${summary}.`
}

function against(checks: readonly DecisionCheck[]): string[] {
  return checks
    .filter(({ status }) => status === 'failed' || status === 'warned')
    .flatMap((check, at) => [
      '',
      `${at + 1}. ${check.rule} ${check.status === 'failed' ? 'failed' : 'is logged'} for ${check.subject}`,
      `   It wants ${check.expected}.`,
      `   It found ${check.got}.`,
      ...(check.nearest === undefined ? [] : [`   What comes nearest is \`${check.nearest}\`.`]),
      `   For it to pass: ${toPass(check)}.`,
    ])
}

/** What the check itself says, else what its kind of rule depends on. */
function toPass({ rule, fix, got }: DecisionCheck): string {
  if (fix !== undefined) return fix
  const hint = HINTS.find(([start]) => rule.startsWith(start))
  if (hint !== undefined) return hint[1]
  const reads = readsOf(got)
  return reads.length === 0
    ? 'the policy, or what it is about, would have to be another'
    : `${reads.join(' or ')} would have to be other than ${reads.length === 1 ? 'it is' : 'they are'}`
}

const HINTS: readonly (readonly [string, string])[] = [
  ['signature.integrity', 'build and seal it anew: the bytes are not those that were signed'],
  ['signature.mismatch', 'seal it with a key of a publisher that the code signing config names'],
  ['signature.expiry', 'seal it anew, with a key or certificate that is still good'],
  ['signature.revocation', 'seal it anew, by somebody who is not revoked'],
  ['policy.no-permit', 'a policy would have to permit the action'],
  ['policy.request', 'the policies would have to know the action and its facts'],
]

/** `verdict: "unsigned", signing: {…}`: the names of what a policy looked at. */
function readsOf(got: string): string[] {
  return [...got.matchAll(/(?:^|, )([a-zA-Z]\w*): (?=["[{\dtfn])/g)].map(
    ([, name]) => `\`${name ?? ''}\``,
  )
}

/** What passed, and what was not looked at and so says nothing. */
function aside(checks: readonly DecisionCheck[]): string[] {
  const names = (wanted: DecisionCheck['status']): string =>
    [...new Set(checks.filter(({ status }) => status === wanted).map(({ rule }) => rule))].join(
      ', ',
    )
  const [passed, skipped] = [names('passed'), names('skipped')]
  return [
    '',
    ...(passed === '' ? [] : [`Passed: ${passed}.`]),
    ...(skipped === '' ? [] : [`Not asked here: ${skipped}.`]),
  ]
}

/** The approvals and exceptions that the decision was made with. */
function usedMembers(facts: KnownFacts): string[] {
  return [
    ...(facts.approvals ?? []).map(
      ({ id, requester, approvers }) =>
        `Asked for in ${id} by ${requester}, approved by ${approvers.length === 0 ? 'nobody' : approvers.map(({ principal }) => principal).join(', ')}.`,
    ),
    ...(facts.exceptions ?? []).map(
      ({ id, requester, second }) =>
        `Under the exception ${id}, asked for by ${requester} and granted by ${second}.`,
    ),
  ]
}

function basis({ policySet, factsDigest, world }: Decision): string[] {
  const { version, determining } = policySet
  const by = determining.length === 0 ? '' : `, by ${determining.join(', ')}`
  return [
    `It was decided by the policy set ${version}${by}.`,
    `Its facts have the digest ${factsDigest}; they were read in world ${world}.`,
  ]
}

function plural(count: number): string {
  return count === 1 ? '' : 's'
}
