import { existsSync, readdirSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { parse } from 'yaml'

import { PlatformError, type Json } from '../services/model/index.ts'
import {
  compilePolicySet,
  parseAccessCases,
  parseCases,
  type PolicyCase,
  type PolicyFile,
  type PolicySet,
} from '../services/policy/index.ts'
import { readSmallFile } from './signing/index.ts'

/** The shipped schema and sets: beside the sources, or one folder up from the compiled files. */
function shippedPath(name: string): string {
  const places = ['../policies/', '../../policies/'].map((place) =>
    fileURLToPath(new URL(place + name, import.meta.url)),
  )
  const found = places.find((path) => existsSync(path))
  if (found === undefined)
    throw new PlatformError('CONFIGURATION', `\`${name}\` is missing from this installation`)
  return found
}

/** A folder, a `.cedar` file, or the name of a shipped set. @throws PlatformError INVALID_PARAMETER */
export function findPolicySet(text: string): string {
  if (existsSync(text)) return text
  if (/^[a-z-]{1,40}$/.test(text)) return shippedPath(text)
  throw new PlatformError('INVALID_PARAMETER', `there is no policy set \`${text}\``)
}

/** Every `.cedar` file of a folder, or the one file, held against the shipped schema. @throws PlatformError INVALID_PARAMETER */
export function loadPolicySet(path: string): PolicySet {
  const files = policyFiles(path)
  if (files.length === 0)
    throw new PlatformError('INVALID_PARAMETER', `\`${path}\` holds no \`.cedar\` file`)
  return compilePolicySet(files, readSmallFile(schemaOf(path)).toString('utf8'))
}

/** A set that answers another question than admission has its own schema beside it. */
function schemaOf(path: string): string {
  const own = join(statSync(path).isDirectory() ? path : dirname(path), 'schema.cedarschema')
  return existsSync(own) ? own : shippedPath('schema.cedarschema')
}

function policyFiles(path: string): PolicyFile[] {
  const read = (file: string): PolicyFile => ({
    name: basename(file),
    text: readSmallFile(file).toString('utf8'),
  })
  if (!statSync(path).isDirectory()) return [read(path)]
  const names = readdirSync(path).filter((name) => name.endsWith('.cedar'))
  return names.toSorted().map((name) => read(join(path, name)))
}

/** `cases.yaml` in the set's folder, or the file named. @throws PlatformError INVALID_PARAMETER */
export function loadCases(path: string): readonly PolicyCase[] {
  const file = statSync(path).isDirectory() ? join(path, 'cases.yaml') : path
  const text = readSmallFile(file).toString('utf8')
  let document: unknown
  try {
    document = parse(text, { maxAliasCount: 0, uniqueKeys: true })
  } catch (cause) {
    const [line] = (cause as Error).message.split('\n')
    throw new PlatformError('INVALID_PARAMETER', `\`${basename(file)}\`: ${line ?? ''}`, { cause })
  }
  const ownSchema = schemaOf(path) !== shippedPath('schema.cedarschema')
  return ownSchema ? parseAccessCases(document as Json) : parseCases(document as Json)
}
