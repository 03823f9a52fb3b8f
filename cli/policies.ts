import { existsSync, readdirSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { parse } from 'yaml'

import { PlatformError, type Json } from '../services/model/index.ts'
import {
  compilePolicySet,
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
  return compilePolicySet(files, readSmallFile(shippedPath('schema.cedarschema')).toString('utf8'))
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

/** The files of a set as they are written; the service holds them against its schema. @throws PlatformError INVALID_PARAMETER */
export function readPolicyFiles(name: string): readonly PolicyFile[] {
  const files = policyFiles(findPolicySet(name))
  if (files.length > 0) return files
  throw new PlatformError('INVALID_PARAMETER', `\`${name}\` holds no \`.cedar\` file`)
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
  return parseCases(document as Json)
}
