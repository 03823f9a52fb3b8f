import { resolve } from 'node:path'

import type { WitnessConfig } from './audit/index.ts'
import { parseVerifierKey } from './ledger/index.ts'
import { PlatformError } from './model/index.ts'

/** Inside the data directory it would be rolled back with it. @throws PlatformError CONFIGURATION */
export function readCheckpointDir(
  options: { readonly data: string; readonly checkpointDir?: string },
  env: NodeJS.ProcessEnv,
): string | undefined {
  const text = options.checkpointDir ?? env['LACRE_CHECKPOINT_DIR']
  if (text === undefined) return undefined
  const [dir, data] = [resolve(text), resolve(options.data)]
  if (dir !== data && !dir.startsWith(`${data}/`)) return dir
  throw new PlatformError('CONFIGURATION', `\`${text}\` lies in the data directory`)
}

/** `name+id+key=https://…`: the witness's verifier key, and the prefix of its API. @throws PlatformError CONFIGURATION */
export function parseWitness(text: string): WitnessConfig {
  const at = text.search(/=https?:\/\//)
  const [key, url] = [text.slice(0, at), text.slice(at + 1).replace(/\/+$/, '')]
  if (at < 1 || !URL.canParse(url) || /[?#]/.test(url))
    throw new PlatformError('CONFIGURATION', `--witness \`${text}\` is not KEY=URL`)
  try {
    parseVerifierKey(key, 'cosignature')
  } catch (cause) {
    const message = `--witness \`${text}\` has no verifier key of a witness (\`lacre witness key\` prints one)`
    throw new PlatformError('CONFIGURATION', message, { cause })
  }
  return { key, url }
}
