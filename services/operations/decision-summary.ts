import {
  PlatformError,
  type Decision,
  type Facts,
  type Json,
  type Place,
  type Sha256,
  type SubjectFacts,
} from '../model/index.ts'
import {
  encodeAttestation,
  encodeBundle,
  preAuthEncoding,
  STATEMENT_PAYLOAD_TYPE,
} from '../seal/index.ts'
import type { Deps } from './context.ts'
import { readDecision } from './decisions.ts'
import { spkiSha256 } from './managed-versions.ts'

const SUMMARY_TYPE = 'https://slsa.dev/verification_summary/v1'
/** One key, one purpose: it signs summaries of decisions and nothing else. */
const SUMMARY_KEY = 'vsa'
/** SLSA leaves names that do not begin with `SLSA_` to verifiers. */
const ADMITTED = 'LACRE_ADMITTED'

interface DecisionSummaryBundle {
  /** The unsealed digest of what was judged. */
  readonly sha256: Sha256
  readonly publicKeyPem: string
  readonly bundle: Uint8Array
}

/**
 * An `allow` of the gate as a verification summary for others: a Sigstore bundle over a statement about the artifact that
 * was judged (the function's code, not its layers), signed by a key for that alone. The same decision makes the same bytes.
 * @throws PlatformError RESOURCE_NOT_FOUND, RESOURCE_CONFLICT where nothing was admitted by it
 */
export async function summarizeDecision(deps: Deps, id: string): Promise<DecisionSummaryBundle> {
  const { decision, facts } = await readDecision(deps, id)
  const subject = admittedSubject(decision, facts)
  const signer = await deps.keys.signer(SUMMARY_KEY)
  const payload = encodeAttestation(
    { name: subject.arn, sha256: subject.sha256 },
    SUMMARY_TYPE,
    predicateOf(deps.place, decision, { facts, subject }),
  )
  const keyid = spkiSha256(signer.publicKeyPem)
  const signature = signer.sign(preAuthEncoding(STATEMENT_PAYLOAD_TYPE, payload))
  const bundle = encodeBundle({
    format: 'bundle',
    signer: { kind: 'key', hint: keyid },
    content: { kind: 'statement', payload, signature, keyid },
    logEntries: [],
    timestamps: [],
  })
  return { sha256: subject.sha256, publicKeyPem: signer.publicKeyPem, bundle }
}

/** Only what Lambda's own actions admitted: sealing an upload, say, admits nothing. */
function admittedSubject(decision: Decision, facts: Facts): SubjectFacts {
  const subject = facts.subjects.find(({ kind }) => kind === 'function') ?? facts.subjects[0]
  if (decision.outcome !== 'allow' || !facts.action.startsWith('lambda:') || subject === undefined)
    throw new PlatformError(
      'RESOURCE_CONFLICT',
      `decision \`${decision.id}\` (${decision.outcome}, ${facts.action}) admitted no artifact: there is nothing to say of one`,
    )
  return subject
}

function predicateOf(
  { account, region }: Place,
  decision: Decision,
  { facts, subject }: { readonly facts: Facts; readonly subject: SubjectFacts },
): Json {
  const inputs = (subject.attestations?.reports ?? []).filter(
    ({ outcome, superseded }) => outcome === 'counts' && superseded !== true,
  )
  return {
    verifier: { id: `urn:lacre:${account}:${region}` },
    timeVerified: decision.at,
    resourceUri: facts.resource,
    policy: { uri: `urn:lacre:policy-set:${encodeURIComponent(decision.policySet.version)}` },
    ...(inputs.length > 0 && {
      inputAttestations: inputs.map(({ digest }) => ({ uri: `urn:lacre:attestation:${digest}` })),
    }),
    verificationResult: 'PASSED',
    verifiedLevels: [ADMITTED],
    // For whoever looks the decision up; readers of the format pass over it.
    lacre: { decision: decision.id, release: facts.release, factsDigest: decision.factsDigest },
  }
}
