#!/usr/bin/env node
import { readFileSync } from 'node:fs'

import { packageUrl } from '../services/model/index.ts'
import { runCommandLine } from './run.ts'
import { commandTable } from './table.ts'

/** From the package's own manifest. */
function packageVersion(): string {
  const manifest: unknown = JSON.parse(
    readFileSync(packageUrl(import.meta.url, 'package.json'), 'utf8'),
  )
  return isManifest(manifest) ? manifest.version : '0.0.0'
}

function isManifest(value: unknown): value is { version: string } {
  return (
    typeof value === 'object' &&
    value !== null &&
    'name' in value &&
    value.name === 'lacre' &&
    'version' in value &&
    typeof value.version === 'string'
  )
}

// `lacre inspect … | head`: whoever stops reading is not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit()
  throw error
})

process.exitCode = await runCommandLine(commandTable, {
  args: process.argv.slice(2),
  environment: process.env,
  out: process.stdout,
  err: process.stderr,
  version: packageVersion(),
})
