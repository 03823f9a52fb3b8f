import { statSync } from 'node:fs'
import { resolve } from 'node:path'

import { PlatformError } from './model/index.ts'

/** What functions may be run in: the first driver of these that can run here, or one by name. */
export const ISOLATIONS = ['auto', 'bubblewrap', 'crun', 'process'] as const
export type Isolation = (typeof ISOLATIONS)[number]

/** Group and others. */
const WRITABLE_BY_OTHERS = 0o022

/** Where more interpreters lie, and whether the nearest stands in for one that is missing. */
export interface RuntimesConfig {
  readonly dir: string | undefined
  readonly substitute: boolean
}

/** @throws PlatformError CONFIGURATION where the folder is none, or others may put an interpreter into it */
export function readRuntimes(given: {
  readonly dir: string | undefined
  readonly substitute: string | undefined
}): RuntimesConfig {
  const { dir, substitute = 'on' } = given
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
