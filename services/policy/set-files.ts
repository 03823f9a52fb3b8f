import { parse } from 'yaml'

import { PlatformError, type Json } from '../model/index.ts'
import type { PolicyFile } from './policy-set.ts'

/** A policy set as it was written: what is kept of it, and compiled anew by each program. */
export interface PolicySetSource {
  readonly files: readonly PolicyFile[]
  /** `{cases: […]}`, where the set brings any. */
  readonly cases: Json | null
}

/** The cases beside the policies in a set's folder. */
export const CASES_FILE = 'cases.yaml'

/** Of a folder's files the policies, in order of their names, and the cases. @throws PlatformError INVALID_PARAMETER */
export function readSetFiles(found: readonly PolicyFile[]): PolicySetSource {
  const files = found
    .filter(({ name }) => name.endsWith('.cedar'))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
  if (files.length === 0) throw refuse('the policy set holds no `.cedar` file')
  const cases = found.find(({ name }) => name === CASES_FILE)
  return { files, cases: cases === undefined ? null : parseYaml(cases) }
}

/** YAML without aliases and double keys, as JSON. @throws PlatformError INVALID_PARAMETER */
export function parseYaml({ name, text }: PolicyFile): Json {
  try {
    return parse(text, { maxAliasCount: 0, uniqueKeys: true }) as Json
  } catch (cause) {
    const line = (cause as Error).message.replace(/\n[^]*/, '')
    throw new PlatformError('INVALID_PARAMETER', `\`${name}\`: ${line}`, { cause })
  }
}

/** The form that is kept. */
export function toSetDocument({ files, cases }: PolicySetSource): Record<string, Json> {
  return { v: 1, files: files.map(({ name, text }) => ({ name, text })), cases }
}

/** @throws PlatformError INVALID_PARAMETER */
export function parseSetDocument(document: Json): PolicySetSource {
  const { v, files, cases = null } = toMembers(document)
  if (v !== 1 || !Array.isArray(files)) throw refuse('this is no policy set of this form')
  return { files: (files as readonly Json[]).map(parseFile), cases }
}

function parseFile(value: Json): PolicyFile {
  const { name, text } = toMembers(value)
  if (typeof name !== 'string' || typeof text !== 'string')
    throw refuse('a file of a policy set has a name and a text')
  return { name, text }
}

function toMembers(value: Json): Readonly<Record<string, Json | undefined>> {
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw refuse('a policy set is a mapping')
  return value as Readonly<Record<string, Json | undefined>>
}

function refuse(message: string): PlatformError {
  return new PlatformError('INVALID_PARAMETER', message)
}
