import {
  canonicalJson,
  PlatformError,
  sha256,
  type AcceptedArtifact,
  type ArtifactIdentity,
  type ByteSource,
  type Decision,
  type Facts,
  type Json,
  type Verdict,
} from '../model/index.ts'

/**
 * The only maker of an `AcceptedArtifact`, the second lock on the door: tampered is refused whatever the decision
 * says, and so is a decision that denies or was made about something else.
 * @throws PlatformError INVALID_CODE_SIGNATURE where tampered, POLICY_DENIED otherwise
 */
export function accept(
  artifact: { readonly identity: ArtifactIdentity; readonly source: ByteSource },
  verdict: Verdict,
  decision: Decision,
  facts: Facts,
): AcceptedArtifact {
  const { identity, source } = artifact
  const sealTampered = verdict.seals.some(({ outcome }) => outcome === 'tampered')
  if (verdict.kind === 'tampered' || sealTampered)
    throw refuse('INVALID_CODE_SIGNATURE', 'the artifact was changed after it was sealed', decision)
  if (decision.outcome === 'deny' || decision.refusal !== undefined)
    throw refuse('POLICY_DENIED', 'the decision refuses the artifact', decision)
  if (!decision.id.startsWith('dec-'))
    throw refuse('POLICY_DENIED', 'the decision has no id', decision)
  if (source.sizeBytes !== identity.sizeBytes)
    throw refuse('POLICY_DENIED', 'the bytes are not those that were judged', decision)
  checkFacts(identity, verdict, decision, facts)
  // the brand is a type alone: this is the one place that gives it
  return Object.freeze({ identity, source, decisionId: decision.id }) as unknown as AcceptedArtifact
}

function checkFacts(
  identity: ArtifactIdentity,
  verdict: Verdict,
  decision: Decision,
  facts: Facts,
): void {
  // facts are plain JSON by contract; a value that is not has no canonical form and throws
  const digest = sha256('lacre facts v1\0', canonicalJson(facts as unknown as Json))
  const subject = facts.subjects.find(({ codeSha256 }) => codeSha256 === identity.codeSha256)
  const same =
    subject?.sha256 === identity.sha256 &&
    subject.tree === identity.tree &&
    subject.verdict.kind === verdict.kind
  if (digest !== decision.factsDigest || !same)
    throw refuse('POLICY_DENIED', 'the decision was made about something else', decision)
}

function refuse(
  code: 'INVALID_CODE_SIGNATURE' | 'POLICY_DENIED',
  message: string,
  decision: Decision,
): PlatformError {
  return new PlatformError(code, message, { decisionId: decision.id })
}
