import { existsSync, readdirSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { PlatformError, packageUrl, type PolicyKind } from '../services/model/index.ts'
import {
  CASES_FILE,
  compilePolicySet,
  parseCasesOf,
  parseYaml,
  readSetFiles,
  type PolicyCase,
  type PolicyFile,
  type PolicySet,
  type PolicySetSource,
} from '../services/policy/index.ts'
import { readSmallFile } from './signing/index.ts'

/** The shipped schema and sets. */
function shippedPath(name: string): string {
  return fileURLToPath(packageUrl(import.meta.url, `policies/${name}`))
}

/** A folder, a `.cedar` file, or the name of a shipped set. @throws PlatformError INVALID_PARAMETER */
export function findPolicySet(text: string): string {
  if (existsSync(text)) return text
  if (/^[a-z-]{1,40}$/.test(text) && existsSync(shippedPath(text))) return shippedPath(text)
  throw new PlatformError('INVALID_PARAMETER', `there is no policy set \`${text}\``)
}

/** The schema that sets of this kind are held against. */
export function shippedSchema(kind: PolicyKind): string {
  const path = kind === 'admission' ? 'schema.cedarschema' : 'authorization/schema.cedarschema'
  return readText(shippedPath(path))
}

function readText(path: string): string {
  return readSmallFile(path).toString('utf8')
}

/** A set that answers another question than admission has its own schema beside it. */
function schemaOf(path: string, kind: PolicyKind): string {
  const own = join(statSync(path).isDirectory() ? path : dirname(path), 'schema.cedarschema')
  return existsSync(own) ? readText(own) : shippedSchema(kind)
}

/** Every `.cedar` file of a folder with the cases beside them, or the one file. @throws PlatformError INVALID_PARAMETER */
export function loadSource(path: string): PolicySetSource {
  if (!statSync(path).isDirectory()) return readSetFiles([readFile(path)])
  const names = readdirSync(path).filter((name) => name.endsWith('.cedar') || name === CASES_FILE)
  return readSetFiles(names.map((name) => readFile(join(path, name))))
}

/** The same, held against its schema. @throws PlatformError INVALID_PARAMETER */
export function loadPolicySet(path: string, kind: PolicyKind): PolicySet {
  return compilePolicySet(loadSource(path).files, schemaOf(path, kind))
}

/** `cases.yaml` in the set's folder, or the file named. @throws PlatformError INVALID_PARAMETER */
export function loadCases(path: string, kind: PolicyKind): readonly PolicyCase[] {
  const document = parseYaml(readFile(statSync(path).isDirectory() ? join(path, CASES_FILE) : path))
  const isAdmission = schemaOf(path, kind) === shippedSchema('admission')
  return parseCasesOf(isAdmission ? 'admission' : 'authorization', document)
}

function readFile(path: string): PolicyFile {
  return { name: basename(path), text: readText(path) }
}
