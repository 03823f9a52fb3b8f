import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import {
  canonicalJson,
  parseStrictJson,
  PlatformError,
  type Sha256,
} from '../../../services/model/index.ts'
import { parseStatement } from '../../../services/seal/index.ts'
import type { Corpus, CorpusResult, WrongRow } from '../corpus.ts'
import { answer, judgeBundle, signerOf, subjectDigestOf } from './sigstore-driver.ts'

const ANOTHER = 'a'.repeat(64) as Sha256

type Row = { readonly expected: string; readonly got: string } | 'right' | 'not applicable'

function filesUnder(root: string): readonly string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted()
}

/** A typed no is `undefined`; what is thrown without a type is a fault of ours. */
function typed<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof PlatformError) return undefined
    throw error
  }
}

/**
 * Provenance: a Sigstore bundle verifies by public Sigstore for whoever its certificate names, about its own subject and
 * about no other artifact. What is no bundle (a bare envelope, an npm answer, a package) is refused with a type.
 */
function runProvenance(path: string, trustedRoot: string): Row {
  const bytes = readFileSync(path)
  const defective = /invalid|tamper|mismatch|no-signature|empty-/.test(path)
  const subject = subjectDigestOf(bytes)
  const verify = (sha256: Sha256) =>
    answer(() => judgeBundle(bytes, { sha256 }, signerOf(bytes, { sha256 }, trustedRoot)))
  const own = verify(subject ?? ANOTHER)
  if (subject !== undefined && verify(ANOTHER).verified)
    return { expected: 'refused for another artifact', got: 'accepted' }
  const expected = subject !== undefined && !defective
  if (own.verified === expected) return 'right'
  // exceptions.md: sigstore-conformance refuses a bundle with a root in it (bundle-with-root-cert_fail)
  if (/^root-in-bundle [^;]+$/.test(own.because)) return 'not applicable'
  return {
    expected: expected ? 'verified' : 'refused',
    got: own.verified ? 'verified' : own.because,
  }
}

/** A document that somebody attests: read strictly, and as the predicate of a statement no seal. */
function runPredicate(path: string): Row {
  const bytes = readFileSync(path)
  const sealed = answer(() => judgeBundle(bytes, { bytes }, { keyPem: '', trustedRoot: undefined }))
  if (sealed.verified) return { expected: 'no seal', got: 'a seal' }
  const predicate = typed(() => parseStrictJson(bytes))
  if (predicate === undefined)
    return path.endsWith('.json') ? { expected: 'JSON that is read', got: 'refused' } : 'right'
  const payload = Buffer.from(
    canonicalJson({
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ name: 'x', digest: { sha256: ANOTHER } }],
      predicateType: 'https://cyclonedx.org/bom',
      predicate,
    }),
  )
  const statement = typed(() => parseStatement(payload))
  // a statement beyond the size limit is refused with a type
  return statement === undefined || statement.kind === 'attestation'
    ? 'right'
    : { expected: 'an attestation', got: statement.kind }
}

/** cosign's own envelopes: the statement inside is read, or refused where it is malformed. */
function runEnvelope(path: string): Row {
  const { payload } = JSON.parse(readFileSync(path, 'utf8')) as { readonly payload: string }
  const read = typed(() => parseStatement(Buffer.from(payload, 'base64'))) !== undefined
  const expected = !path.includes('/malformed/')
  if (read === expected) return 'right'
  return { expected: expected ? 'read' : 'refused', got: read ? 'read' : 'refused' }
}

function runFile(root: string, path: string, trustedRoot: string): Row {
  const name = path.slice(root.length + 1)
  if (name.startsWith('slsa/')) return runProvenance(path, trustedRoot)
  if (name.startsWith('sbom/')) return runPredicate(path)
  if (/^cosign\/(?:valid|malformed)\//.test(name)) return runEnvelope(path)
  if (name.startsWith('cosign/')) return runPredicate(path)
  // repositories' histories are for whoever updates a trusted root by TUF, which nothing here does: roots are files
  return 'not applicable'
}

export const corpus: Corpus = {
  name: 'attestations',
  run: (vectors, report): Promise<CorpusResult> => {
    const root = join(vectors, 'attestations')
    const trustedRoot = readFileSync(
      join(vectors, 'sigstore-bundles/trust/prod-trusted_root.json'),
      'utf8',
    )
    const wrong: WrongRow[] = []
    let [right, notApplicable] = [0, 0]
    for (const path of ['slsa', 'sbom', 'cosign', 'tuf'].flatMap((part) =>
      filesUnder(join(root, part)),
    )) {
      const row = runFile(root, path, trustedRoot)
      if (row === 'right') right += 1
      else if (row === 'not applicable') notApplicable += 1
      else wrong.push({ id: path.slice(root.length + 1), ...row })
    }
    report(`attestations: ${right + wrong.length} files`)
    return Promise.resolve({ right, wrong, notApplicable })
  },
}
