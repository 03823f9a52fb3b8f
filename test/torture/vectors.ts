// The rows of the open corpora as bytes, whatever they are said to come out as.
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'

import { parsePem } from '../../services/seal/index.ts'
import { zipRows } from '../vectors/corpora/zip.ts'

/** One input, with what it is found by again. */
export interface Row {
  readonly id: string
  readonly bytes: Buffer
}

/** `LACRE_VECTORS`, or where the vectors lie beside the project; `undefined`, and said, where they do not. */
export function findVectors(name: string): string | undefined {
  const root = resolve(process.env['LACRE_VECTORS'] ?? '../shared/vectors')
  if (existsSync(root)) return root
  console.log(`${name}: skipped what needs the vectors: there are none at LACRE_VECTORS`)
  return undefined
}

export async function zips(root: string): Promise<readonly Row[]> {
  const rows: Row[] = []
  for await (const { id, b64 } of zipRows(root))
    rows.push({ id, bytes: Buffer.from(b64, 'base64') })
  return rows
}

/** CMS, timestamps and whatever else `cms` holds in DER. */
export function cmsSeals(root: string): readonly Row[] {
  const own = JSON.parse(readFileSync(join(root, 'cms/own/cms_own.json'), 'utf8')) as unknown
  const lines = readFileSync(join(root, 'cms/fetched/apksig.jsonl'), 'utf8').split('\n')
  const apksig = lines.filter((line) => line !== '').map((line) => JSON.parse(line) as unknown)
  const tables = [...rowsOf(own), ...rowsOf(apksig)].map(({ id, cms_b64: text }) => ({
    id: String(id),
    bytes: Buffer.from(String(text), 'base64'),
  }))
  return [...tables, ...filesOf(root, 'cms', /\.(?:cms|der|tsr|pkcs7)$/)]
}

/** Certificates and revocation lists of all X.509 corpora, in DER. */
export function certificates(root: string): readonly Row[] {
  const files = ['x509-openssl', 'x509-pkits'].flatMap((folder) =>
    filesOf(root, folder, /\.(?:pem|der|crt|crl)$/),
  )
  const limbo = readFileSync(join(root, 'x509-limbo/limbo.json'), 'utf8')
  const own = readFileSync(join(root, 'cms/own/cms_own.json'), 'utf8')
  return [...files, ...pemRows('limbo', limbo), ...pemRows('cms', own)].flatMap(blocksOf)
}

/** Sigstore bundles and attestations. */
export function bundles(root: string): readonly Row[] {
  return ['sigstore-bundles', 'attestations'].flatMap((folder) =>
    filesOf(root, folder, /\.(?:json|sigstore|jsonl|slsa|bundle)$/),
  )
}

/** Requests as they were signed. */
export function signedRequests(root: string): readonly Row[] {
  return filesOf(root, 'sigv4-jose/v4', /header-signed-request\.txt$/)
}

/** Texts that are JSON, or are not. */
export function jsonTexts(root: string): readonly Row[] {
  return [...filesOf(root, 'json-input', /\.json$/), ...filesOf(root, 'lambda-events', /\.json$/)]
}

/** Cedar policies. */
export function policies(root: string): readonly Row[] {
  const lines = readFileSync(join(root, 'cedar/corpus.jsonl'), 'utf8').split('\n')
  const generated = rowsOf(lines.filter((line) => line !== '').map((line) => JSON.parse(line)))
  return [
    ...filesOf(root, 'cedar', /\.cedar$/),
    ...generated.map(({ id, policy }) => ({ id: String(id), bytes: Buffer.from(String(policy)) })),
  ]
}

function filesOf(root: string, folder: string, name: RegExp): Row[] {
  const dir = join(root, folder)
  if (!existsSync(dir)) return []
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && name.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted()
    .map((path) => ({ id: path.slice(root.length + 1), bytes: readFileSync(path) }))
}

function rowsOf(value: unknown): readonly Record<string, unknown>[] {
  return Array.isArray(value) ? (value as Record<string, unknown>[]) : []
}

/** PEM blocks inside of a table in JSON, each once. */
function pemRows(id: string, json: string): Row[] {
  const blocks = json.match(/-----BEGIN [A-Z0-9 ]+-----[^-]+-----END [A-Z0-9 ]+-----/g) ?? []
  return [...new Set(blocks)].map((text, index) => ({
    id: `${id} ${index}`,
    bytes: Buffer.from(text.replaceAll('\\n', '\n')),
  }))
}

function blocksOf(row: Row): Row[] {
  if (!row.bytes.includes('-----BEGIN')) return [row]
  try {
    return parsePem(row.bytes.toString('latin1')).map(({ bytes }, index) => ({
      id: `${row.id}#${index}`,
      bytes: Buffer.from(bytes),
    }))
  } catch {
    return [row]
  }
}
