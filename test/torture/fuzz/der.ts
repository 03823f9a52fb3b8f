import { makeSeal } from '../../../cli/signing/index.ts'
import { bufferSource, sha256 } from '../../../services/model/index.ts'
import {
  berToDer,
  decodeSeal,
  decodeTimestampResponse,
  decodeTimestampToken,
  encodePem,
} from '../../../services/seal/index.ts'
import {
  parseCertificate,
  parseRevocationList,
  publisherFromPem,
  revocationListPem,
  VerificationCache,
} from '../../../services/trust/index.ts'
import { parseOcspResponse } from '../../../services/trust/ocsp-response.ts'
import { parsePublicKey } from '../../../services/trust/public-key.ts'
import { AT_MS, identityOf, issue, keyPair, root } from '../../support/pki.ts'
import { judgeCms } from '../../vectors/corpora/cms.ts'
import { mutateDer } from '../mutation/der.ts'
import { certificates, cmsSeals } from '../vectors.ts'
import { outcome, type Target } from './target.ts'

const PAYLOAD = Buffer.from('the bytes that were signed\n')
const authority = root({ key: keyPair('p256', 'fuzz') })
const signer = issue({ issuer: authority, key: keyPair('rsa2048', 'fuzz') })

/** Whatever takes DER: CMS, timestamps, certificates, keys, lists and responses about them. */
const READERS: Readonly<Record<string, (bytes: Buffer) => unknown>> = {
  verdict: (bytes) => {
    decodeSeal({ format: 'cms', place: 'detached', bytes })
    return judgeCms({ payload: PAYLOAD, cms: bytes, rootsPem: [authority.pem], atMs: AT_MS }).kind
  },
  ber: (bytes) => berToDer(bytes),
  token: (bytes) => decodeTimestampToken(bytes),
  response: (bytes) => decodeTimestampResponse(bytes),
  certificate: (bytes) => parseCertificate(bytes, new VerificationCache()),
  key: (bytes) => parsePublicKey(bytes, new VerificationCache()),
  list: (bytes) => parseRevocationList(bytes, new VerificationCache()),
  ocsp: (bytes) => parseOcspResponse(bytes),
  publisher: (bytes) => publisherFromPem(encodePem('CERTIFICATE', bytes)),
  'publisher key': (bytes) => publisherFromPem(encodePem('PUBLIC KEY', bytes)),
  'publisher list': (bytes) => revocationListPem(bytes),
}

export const der: Target = {
  async seeds(vectors) {
    const subject = { name: 'f', sha256: sha256(PAYLOAD), unsealed: bufferSource(PAYLOAD) }
    const seal = await makeSeal('cms', { identity: identityOf(signer) }, subject, {})
    const keys = (['p256', 'p384', 'ed25519', 'rsa2048'] as const).map((kind) =>
      keyPair(kind, 'fuzz').publicKey.export({ format: 'der', type: 'spki' }),
    )
    const own = [seal, authority.der, signer.der, ...keys].map((bytes) => Buffer.from(bytes))
    const rows = vectors === undefined ? [] : [...cmsSeals(vectors), ...certificates(vectors)]
    return [...own, ...rows.map(({ bytes }) => bytes)]
  },
  mutate: mutateDer,
  async run(input) {
    const words: string[] = []
    for (const [name, read] of Object.entries(READERS))
      words.push(`${name}: ${await outcome(() => read(input))}`)
    return words.join('\n')
  },
}
