import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import { compiledUrl } from '../model/index.ts'

/**
 * The programs that run beside the service: the spawner and the preparing worker (compiled), the bootstraps (plain files
 * that the build copies). Node 20 loads no TypeScript, so a runtime run from its sources starts those of the last build.
 */
export interface Programs {
  readonly spawner: string
  readonly worker: string
  readonly bootstraps: string
}

/** @throws Error naming what the build did not leave there */
export function findPrograms(): Programs {
  const programs = {
    spawner: fileURLToPath(compiledUrl(import.meta.url, './spawner/main.js')),
    worker: fileURLToPath(compiledUrl(import.meta.url, './prepare/worker.js')),
    bootstraps: fileURLToPath(new URL('./bootstraps', import.meta.url)),
  }
  for (const path of Object.values(programs)) {
    if (!existsSync(path)) throw new Error(`${path} is missing: run \`npm run build\``)
  }
  return programs
}
