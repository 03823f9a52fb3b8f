import { canonicalJson, type Json } from '../model/index.ts'
import { toObject, toText } from './members.ts'
import { decodeBundle } from './bundle.ts'
import { parsePackagesOf, parsePredicateOf } from './predicates/index.ts'
import type { Claim, SbomPackage } from './predicates/claim.ts'
import { malformed } from './refusal.ts'
import {
  parseAttestation,
  parseJson,
  SEAL_PREDICATE_TYPE,
  STATEMENT_V1,
  VOUCH_PREDICATE_TYPE,
  type Statement,
} from './statement.ts'

/** An in-toto statement about one or more artifacts, with what its predicate says. */
export type AttestationStatement = Extract<Statement, { kind: 'attestation' }> & {
  readonly claim: Claim
}

/** Statements of this size make a bundle within the limit of an attestation. */
const STATEMENT_SIZE_LIMIT_BYTES = 9_000_000

/**
 * The statement in a DSSE payload where an attestation is asked for: v1 or v0.1, one subject or several. A seal or a vouch
 * is none (RULES §4).
 * @throws PlatformError INVALID_SEAL
 */
export function parseAttestationStatement(payload: Uint8Array): AttestationStatement {
  if (payload.byteLength > STATEMENT_SIZE_LIMIT_BYTES)
    throw malformed(
      'statement-size',
      `the statement is larger than ${STATEMENT_SIZE_LIMIT_BYTES} bytes`,
    )
  const document = toObject(parseJson(payload, 'the statement'), 'the statement')
  const predicateType = toText(document['predicateType'], 'predicateType')
  if (predicateType === SEAL_PREDICATE_TYPE || predicateType === VOUCH_PREDICATE_TYPE)
    throw malformed(
      'not-an-attestation',
      `a statement of the type \`${predicateType}\` is no attestation: attach it as a seal`,
    )
  const statement = parseAttestation(document, predicateType)
  return { ...statement, claim: parsePredicateOf(predicateType, document['predicate']) }
}

/** What the SBOM in a bundle lists; empty where the bundle holds none. @throws PlatformError INVALID_SEAL */
export function packagesInBundle(bundle: Uint8Array): readonly SbomPackage[] {
  const { content } = decodeBundle(bundle, 'detached')
  if (content.kind !== 'statement') return []
  const document = toObject(parseJson(content.payload, 'the statement'), 'the statement')
  const predicateType = toText(document['predicateType'], 'predicateType')
  return parsePackagesOf(predicateType, document['predicate'])
}

/** VEX has one purpose for all its formats, `attest:vex` (RULES §5). */
export function isVexType(predicateType: string): boolean {
  return /^https:\/\/(?:openvex\.dev\/ns|cyclonedx\.org\/vex)(?:\/v|$)/.test(predicateType)
}

/** The payload of an attestation of ours: canonical JSON. @throws PlatformError INVALID_SEAL where nobody could read it */
export function encodeAttestation(
  subject: { readonly name: string; readonly sha256: string },
  predicateType: string,
  predicate: Json,
): Uint8Array {
  const payload = Buffer.from(
    canonicalJson({
      _type: STATEMENT_V1,
      subject: [{ name: subject.name, digest: { sha256: subject.sha256 } }],
      predicateType,
      predicate,
    }),
  )
  parseAttestationStatement(payload)
  return payload
}
