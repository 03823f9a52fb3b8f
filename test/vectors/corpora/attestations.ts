import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { fetchTarget } from '../../../cli/signing/keyless/trust-repository.ts'
import {
  canonicalJson,
  parseStrictJson,
  PlatformError,
  type Sha256,
} from '../../../services/model/index.ts'
import { parseStatement } from '../../../services/seal/index.ts'
import { serve } from '../../support/sigstore-services.ts'
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
  return runPredicate(path)
}

/**
 * A TUF repository as `lacre trusted-root --mirror` reads one: its target comes out whole, and does not once a byte of any
 * file on the way to it has changed. Files that no client asks for (pages for people) are none of that.
 */
async function runRepository(root: string): Promise<{ right: number; wrong: WrongRow[] }> {
  const target = readFileSync(join(root, 'targetpath'), 'utf8').trim()
  const sound = await fetchFrom(root, target)
  if (sound.bytes === undefined)
    return { right: 0, wrong: [{ id: root, expected: target, got: sound.because }] }
  const wrong: WrongRow[] = []
  for (const asked of sound.files) {
    const { bytes } = await fetchFrom(root, target, asked)
    if (bytes !== undefined)
      wrong.push({ id: asked, expected: 'refused with a changed byte', got: 'accepted' })
  }
  return { right: 1 + sound.files.length - wrong.length, wrong }
}

/** `files`: what the client was given on its way. */
async function fetchFrom(
  root: string,
  target: string,
  changed?: string,
): Promise<{
  readonly bytes: Uint8Array | undefined
  readonly because: string
  readonly files: readonly string[]
}> {
  const files: string[] = []
  await using server = await serve({}, ({ path }) => {
    const file = join(root, path.startsWith('/targets/') ? path : `metadata${path}`)
    if (!existsSync(file)) return Promise.resolve({ status: 404, body: '' })
    files.push(path)
    const text = readFileSync(file, 'utf8')
    return Promise.resolve({ status: 200, body: path === changed ? spoil(text) : text })
  })
  const cacheDirectory = mkdtempSync(join(tmpdir(), 'lacre-tuf-'))
  try {
    const rootFile = join(root, 'initial_root.json')
    const bytes = await fetchTarget({ mirror: server.url, rootFile, cacheDirectory }, target)
    return { bytes, because: '', files }
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error
    return { bytes: undefined, because: error.publicMessage, files }
  } finally {
    rmSync(cacheDirectory, { recursive: true, force: true })
  }
}

/** Another digit or letter in the middle of a value. */
function spoil(text: string): string {
  const at = text.search(/(?<="expires": ?")\d/)
  return at < 0 ? `${text}x` : `${text.slice(0, at)}9${text.slice(at + 1)}`
}

export const corpus: Corpus = {
  name: 'attestations',
  run: async (vectors, report): Promise<CorpusResult> => {
    const root = join(vectors, 'attestations')
    const trustedRoot = readFileSync(
      join(vectors, 'sigstore-bundles/trust/prod-trusted_root.json'),
      'utf8',
    )
    const wrong: WrongRow[] = []
    let [right, notApplicable] = [0, 0]
    for (const path of ['slsa', 'sbom', 'cosign'].flatMap((part) => filesUnder(join(root, part)))) {
      const row = runFile(root, path, trustedRoot)
      if (row === 'right') right += 1
      else if (row === 'not applicable') notApplicable += 1
      else wrong.push({ id: path.slice(root.length + 1), ...row })
    }
    for (const name of readdirSync(join(root, 'tuf'))) {
      const history = await runRepository(join(root, 'tuf', name))
      right += history.right
      wrong.push(...history.wrong)
    }
    report(`attestations: ${right + wrong.length} files`)
    return { right, wrong, notApplicable }
  },
}
