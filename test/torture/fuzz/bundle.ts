import { sign } from 'node:crypto'

import { makeSeal } from '../../../cli/signing/index.ts'
import { bufferSource, sha256, type ArtifactIdentity } from '../../../services/model/index.ts'
import {
  decodeBundle,
  encodeBundle,
  formatOfDetached,
  packagesInBundle,
  parseAttestationStatement,
  preAuthEncoding,
  STATEMENT_PAYLOAD_TYPE,
} from '../../../services/seal/index.ts'
import {
  attested,
  judge,
  parsePublisherDocument,
  parseTrustedRoot,
  VerificationCache,
} from '../../../services/trust/index.ts'
import { AT_MS, identityOf, keyPair, publicPem, publisher } from '../../support/pki.ts'
import { mutateJson } from '../mutation/json.ts'
import type { Seeded } from '../seeded.ts'
import { bundles } from '../vectors.ts'
import { WrongAnswer, outcome, type Target } from './target.ts'

const PAYLOAD = Buffer.from('the bytes that were signed\n')
/** Trusted roots and SBOMs of some hundred KB would leave no time for anything else. */
const SEED_LIMIT_BYTES = 60_000
const digest = sha256(PAYLOAD)
const artifact: ArtifactIdentity = {
  codeSha256: digest,
  sha256: digest,
  tree: digest,
  sizeBytes: PAYLOAD.length,
  unzippedBytes: 0,
  entryCount: 0,
}
const key = keyPair('ed25519', 'fuzz')
const purposes = ['seal', 'vouch', 'attest:https://slsa.dev/provenance/v1']
const publishers = [
  publisher(
    parsePublisherDocument({
      kind: 'key',
      forms: ['statement', 'message'],
      purposes,
      keys: [{ publicKeyPem: publicPem(key) }],
    }),
  ),
]

const READERS: Readonly<Record<string, (bytes: Buffer) => unknown>> = {
  format: (bytes) => formatOfDetached(bytes),
  block: (bytes) => {
    const canonical = Buffer.from(encodeBundle(decodeBundle(bytes, 'block')))
    if (!canonical.equals(bytes)) throw new WrongAnswer('a block takes a second form of a bundle')
  },
  detached: (bytes) => decodeBundle(bytes, 'detached'),
  verdict: (bytes) =>
    judge({
      artifact,
      unsealed: bufferSource(PAYLOAD),
      kind: 'function',
      name: 'f',
      account: '000000000000',
      seals: [{ format: 'bundle', place: 'detached', bytes }],
      publishers,
      revocations: [],
      atMs: AT_MS,
    }).kind,
  attested: (bytes) => {
    const { reports } = attested({
      artifact,
      attestations: [bytes],
      publishers,
      revocations: [],
      revocationLists: [],
      atMs: AT_MS,
    })
    return reports.map((one) => `${one.outcome} ${one.kind ?? ''}`).join()
  },
  statement: (bytes) => parseAttestationStatement(bytes),
  packages: (bytes) => packagesInBundle(bytes),
  root: (bytes) => parseTrustedRoot(bytes.toString('utf8'), new VerificationCache()),
}

/** Another statement, by a signer whom we trust: what stands behind the signature is read as well. */
function signedAnew(input: Buffer, chance: Seeded, others: readonly Buffer[]): Buffer | undefined {
  const payload = mutateJson(
    statementOf(input) ?? statementOf(chance.pick(others)) ?? input,
    chance,
    others,
  )
  const hint = sha256(key.publicKey.export({ format: 'der', type: 'spki' }))
  const signature = sign(null, preAuthEncoding(STATEMENT_PAYLOAD_TYPE, payload), key.privateKey)
  return Buffer.from(
    encodeBundle({
      format: 'bundle',
      signer: { kind: 'key', hint },
      content: { kind: 'statement', payload, signature, keyid: hint },
      logEntries: [],
      timestamps: [],
    }),
  )
}

function statementOf(bundle: Buffer): Buffer | undefined {
  const payload = /"payload": ?"([A-Za-z0-9+/=]+)"/.exec(bundle.toString('latin1'))?.[1]
  return payload === undefined ? undefined : Buffer.from(payload, 'base64')
}

/** Sigstore bundles, attestations and trusted roots. */
export const bundle: Target = {
  async seeds(vectors) {
    const subject = { name: 'f', sha256: digest, unsealed: bufferSource(PAYLOAD) }
    const own = Buffer.from(await makeSeal('bundle', { identity: identityOf(key) }, subject, {}))
    const rows = vectors === undefined ? [] : bundles(vectors)
    return [own, ...rows.map(({ bytes }) => bytes)].filter(
      ({ length }) => length <= SEED_LIMIT_BYTES,
    )
  },
  mutate(input, chance, others) {
    const resigned = chance.integer(0, 2) === 0 ? signedAnew(input, chance, others) : undefined
    return resigned ?? mutateJson(input, chance, others)
  },
  async run(input) {
    const words: string[] = []
    for (const [name, read] of Object.entries(READERS))
      words.push(`${name}: ${await outcome(() => read(input))}`)
    return words.join('\n')
  },
}
