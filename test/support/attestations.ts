import { createPublicKey, sign, type KeyObject } from 'node:crypto'

import {
  canonicalJson,
  sha256,
  type Json,
  type TrustedPublisher,
} from '../../services/model/index.ts'
import {
  encodeBundle,
  encodeTimestampResponse,
  preAuthEncoding,
  STATEMENT_PAYLOAD_TYPE,
} from '../../services/seal/index.ts'
import { publisherFromPem } from '../../services/trust/index.ts'
import { AT_MS, intermediate, issue, publisher, publicPem, root, type KeyPair } from './pki.ts'
import { makeToken, stampingUsage, timeText, type TestAuthority } from './timestamp-token.ts'

export const TYPE = {
  provenance: 'https://slsa.dev/provenance/v1',
  cyclonedx: 'https://cyclonedx.org/bom',
  spdx: 'https://spdx.dev/Document',
  scan: 'https://in-toto.io/attestation/vulns/v0.2',
  cosignScan: 'https://cosign.sigstore.dev/attestation/vuln/v1',
  vex: 'https://openvex.dev/ns/v0.2.0',
  tests: 'https://in-toto.io/attestation/test-result/v0.1',
  summary: 'https://slsa.dev/verification_summary/v1',
} as const

export interface AttestationSpec {
  readonly type: string
  readonly predicate: Json
  /** Trusted time; none where left out. */
  readonly atMs?: number
  readonly by?: TestAuthority
  readonly statement?: { readonly [name: string]: Json }
  /** The payload as it is, instead of a statement. */
  readonly payload?: Uint8Array
}

/** A bundle by a P-256 key over a statement about this digest. */
export function attestationOf(artifact: string, key: KeyObject, spec: AttestationSpec): Uint8Array {
  const payload =
    spec.payload ??
    Buffer.from(
      canonicalJson({
        _type: 'https://in-toto.io/Statement/v1',
        subject: [{ name: 'f.zip', digest: { sha256: artifact } }],
        predicateType: spec.type,
        predicate: spec.predicate,
        ...spec.statement,
      }),
    )
  const signature = sign('sha256', preAuthEncoding(STATEMENT_PAYLOAD_TYPE, payload), key)
  const keyid = sha256(createPublicKey(key).export({ type: 'spki', format: 'der' }))
  const { atMs, by } = spec
  const tokens =
    atMs === undefined || by === undefined
      ? []
      : [makeToken(by, signature, { time: timeText(atMs) })]
  return encodeBundle({
    format: 'bundle',
    signer: { kind: 'key', hint: keyid },
    content: { kind: 'statement', payload, signature, keyid },
    logEntries: [],
    timestamps: tokens.map(encodeTimestampResponse),
  })
}

const LONG = { fromMs: 0, untilMs: Date.UTC(2049, 0, 1) }

/** An authority that is valid whenever a test runs. */
export function lastingAuthority(name = 'lasting'): TestAuthority {
  const top = root({ subject: `${name} root`, ...LONG })
  const issuing = intermediate(top, { subject: `${name} issuing`, ...LONG })
  const leaf = issue({
    subject: name,
    issuer: issuing,
    usages: [],
    extensions: [stampingUsage()],
    ...LONG,
  })
  return { root: top, issuing, leaf }
}

/** The member of a publisher document that believes an authority. */
export function believing({ root: top, issuing }: TestAuthority) {
  return { timestampAuthorities: [{ rootsPem: [top.pem], intermediatesPem: [issuing.pem] }] }
}

/** A publisher of one key for these predicate types (and `vex`). */
export function attester(
  name: string,
  key: KeyPair,
  types: readonly string[],
  more: {
    readonly builders?: readonly string[]
    readonly by?: TestAuthority
    readonly spec?: Partial<TrustedPublisher>
  } = {},
): TrustedPublisher {
  const document = {
    ...publisherFromPem(publicPem(key)),
    purposes: types.map((type) => `attest:${type}`),
    ...(more.builders !== undefined && { builders: more.builders }),
    ...(more.by !== undefined && believing(more.by)),
  }
  return publisher(document, { name, ...more.spec })
}

/** What scanners say, in in-toto's form. */
export function scanOf(...found: readonly (readonly [string, string])[]): Json {
  return {
    scanner: {
      uri: 'pkg:github/example/scanner@1',
      result: found.map(([id, score]) => ({ id, severity: [{ method: 'nvd', score }] })),
    },
    metadata: { scanFinishedOn: new Date(AT_MS).toISOString() },
  }
}

export function provenanceBy(builder: string): Json {
  return {
    buildDefinition: {
      buildType: 'https://example.com/build/v1',
      externalParameters: {
        workflow: { repository: 'https://github.com/example/shop', ref: 'refs/heads/main' },
      },
      resolvedDependencies: [
        {
          uri: 'git+https://github.com/example/shop@refs/heads/main',
          digest: { gitCommit: 'a'.repeat(40) },
        },
      ],
    },
    runDetails: { builder: { id: builder }, metadata: { invocationId: 'run-7' } },
  }
}

export function openVex(...statements: readonly Json[]): Json {
  return { '@context': 'https://openvex.dev/ns/v0.2.0', '@id': 'urn:vex:1', statements }
}

export function cycloneDx(more: { readonly [name: string]: Json } = {}): Json {
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    components: [
      {
        type: 'library',
        name: 'left-pad',
        version: '1.3.0',
        purl: 'pkg:npm/left-pad@1.3.0',
        licenses: [{ license: { id: 'WTFPL' } }],
      },
    ],
    ...more,
  }
}
