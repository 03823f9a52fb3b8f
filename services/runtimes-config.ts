import { statSync } from 'node:fs'
import { resolve } from 'node:path'

import { PlatformError } from './model/index.ts'

/** What functions may be run in: the first driver of these that can run here, or one by name. */
export const ISOLATIONS = ['auto', 'bubblewrap', 'crun', 'process'] as const
export type Isolation = (typeof ISOLATIONS)[number]

/** Group and others. */
const WRITABLE_BY_OTHERS = 0o022
const DEFAULT_MAX_ENVIRONMENTS = 64
const MAX_ENVIRONMENTS_LIMIT = 10_000
const DEFAULT_PREWARMED = 1
const PREWARMED_LIMIT = 100

/** As `lacre serve` takes them. */
export interface RuntimeOptions {
  readonly runtimesDir?: string | undefined
  readonly runtimeSubstitute?: string | undefined
}

/** Where more interpreters lie, and whether the nearest stands in for one that is missing. */
export interface RuntimesConfig {
  readonly dir: string | undefined
  readonly substitute: boolean
}

/** @throws PlatformError CONFIGURATION where the folder is none, or others may put an interpreter into it */
export function readRuntimes(given: RuntimeOptions): RuntimesConfig {
  const { runtimesDir: dir, runtimeSubstitute: substitute = 'on' } = given
  if (substitute !== 'on' && substitute !== 'off')
    throw new PlatformError(
      'CONFIGURATION',
      `runtime-substitute: \`${substitute}\` is not on or off`,
    )
  return {
    dir: dir === undefined ? undefined : ownFolder(resolve(dir)),
    substitute: substitute === 'on',
  }
}

function ownFolder(dir: string): string {
  const stat = statSync(dir, { throwIfNoEntry: false })
  if (stat?.isDirectory() !== true)
    throw new PlatformError('CONFIGURATION', `runtimes-dir: \`${dir}\` is no directory`)
  if ((stat.mode & WRITABLE_BY_OTHERS) === 0) return dir
  throw new PlatformError(
    'CONFIGURATION',
    `runtimes-dir: others may put an interpreter into \`${dir}\`: \`chmod go-w\` it`,
  )
}

/** How many environments run at once. @throws PlatformError CONFIGURATION */
export function parseMaxEnvironments(text: string | undefined): number {
  if (text === undefined) return DEFAULT_MAX_ENVIRONMENTS
  const count = Number(text)
  if (Number.isInteger(count) && count >= 1 && count <= MAX_ENVIRONMENTS_LIMIT) return count
  throw new PlatformError(
    'CONFIGURATION',
    `--max-environments \`${text}\` is not 1 to ${MAX_ENVIRONMENTS_LIMIT}`,
  )
}

/** How many environments without code wait for each kind of start. @throws PlatformError CONFIGURATION */
export function parsePrewarmed(text: string | undefined): number {
  if (text === undefined) return DEFAULT_PREWARMED
  if (/^\d{1,3}$/.test(text) && Number(text) <= PREWARMED_LIMIT) return Number(text)
  throw new PlatformError('CONFIGURATION', `--prewarmed \`${text}\` is not 0 to ${PREWARMED_LIMIT}`)
}
