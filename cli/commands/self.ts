import { createHash } from 'node:crypto'
import { existsSync, lstatSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import type { Command } from 'commander'

import { entryContent } from '../../services/artifact/index.ts'
import {
  PlatformError,
  packageUrl,
  parseStrictJson,
  type Artifact,
  type Verdict,
} from '../../services/model/index.ts'
import type { CommandModule } from '../command.ts'
import { countedSource } from '../counted-source.ts'
import { EXIT } from '../exit-codes.ts'
import { openFileSource } from '../files.ts'
import { isKeyless, type KeylessOptions } from '../keyless.ts'
import { inline, type Terminal } from '../terminal.ts'
import { judgeZip } from './verify.ts'

interface SelfOptions extends KeylessOptions {
  readonly key: readonly string[]
}

/** Beside the compiled command; the sources have none. */
const MANIFEST = 'dist/release.zip'
/** Folders in which nothing else may lie: what is loaded from there would run. */
const CLOSED = ['dist', 'policies']

const HELP = `
Every file of the release is hashed and held against the manifest in dist/release.zip; nothing else may lie beside what
runs. Without a key from outside that shows damage alone: whoever changes a file can change the manifest. What is verified is
verified by the very files in question: for more than damage run it from a copy that you trust, with --directory.

Examples:
  lacre self verify --key lacre-release.pem.pub
  lacre self verify --directory /usr/local/lib/node_modules/lacre --key lacre-release.pem.pub

Exit codes: 0 whole, and sealed by whom you trust; 1 changed, or sealed by nobody you trust; 5 whole, and no key was given.`

export const command: CommandModule = {
  name: 'self',
  summary: 'verify this installation against the manifest of its release',
  configure(command: Command, terminal: Terminal): void {
    const many = (value: string, before: readonly string[]): readonly string[] => [...before, value]
    command
      .command('verify')
      .description('hold every file against the release, and its seal against a key from outside')
      .option('--directory <dir>', 'the installation; this one where not given')
      .option('--key <file>', 'public key of the release in PEM; may be repeated', many, [])
      .option('--certificate-identity <identity>', 'keyless: who released it')
      .option('--certificate-oidc-issuer <url>', 'keyless: who vouched for that')
      .option('--trusted-root <file>', 'keyless: Sigstore TrustedRoot (JSON)')
      .addHelpText('after', HELP)
      .action(async ({ directory, ...options }: SelfOptions & { readonly directory?: string }) => {
        await verify(directory ?? fileURLToPath(packageUrl(import.meta.url, '')), options, terminal)
      })
  },
}

async function verify(directory: string, options: SelfOptions, terminal: Terminal): Promise<void> {
  using file = openFileSource(join(directory, MANIFEST))
  const source = countedSource(file, terminal.progress('verifying', 'bytes'))
  const isAsked = options.key.length > 0 || isKeyless(options)
  const { artifact, verdict } = await judgeZip(source, { ...options, name: 'lacre' }, terminal)
  const manifest = await readManifest(artifact)
  const findings = compare(directory, manifest.files)
  const answer = answerOf({ whole: findings.length === 0, isAsked, verdict })
  terminal.result(
    {
      directory,
      version: manifest.version,
      files: manifest.files.length,
      answer,
      verdict: verdict.kind,
      findings,
    },
    [
      `${inline(directory)}: ${answer}`,
      `release   ${inline(manifest.version)}, ${manifest.files.length} files`,
      `seal      ${isAsked ? verdict.kind : 'not looked at: give --key'}`,
      ...findings.map(({ path, what }) => `${what.padEnd(9)} ${inline(path)}`),
    ].join('\n'),
  )
  if (answer === 'changed' || answer === 'not trusted') terminal.exitWith(EXIT.refused)
  if (answer === 'whole, not authenticated') terminal.exitWith(EXIT.notAuthenticated)
}

function answerOf(facts: {
  readonly whole: boolean
  readonly isAsked: boolean
  readonly verdict: Verdict
}): 'changed' | 'not trusted' | 'authenticated' | 'whole, not authenticated' {
  if (!facts.whole || facts.verdict.kind === 'tampered') return 'changed'
  if (!facts.isAsked) return 'whole, not authenticated'
  return facts.verdict.kind === 'trusted' ? 'authenticated' : 'not trusted'
}

interface Released {
  readonly path: string
  readonly sha256: string
}

/** @throws PlatformError INVALID_ARTIFACT where it is no manifest of a release */
async function readManifest(
  artifact: Artifact,
): Promise<{ readonly version: string; readonly files: readonly Released[] }> {
  const entry = artifact.entries.find(({ path }) => path === 'release.json')
  const chunks: Uint8Array[] = []
  if (entry !== undefined)
    for await (const chunk of entryContent(artifact, entry)) chunks.push(chunk)
  const value = entry === undefined ? undefined : parseStrictJson(Buffer.concat(chunks))
  if (!isManifest(value))
    throw new PlatformError('INVALID_ARTIFACT', `\`${MANIFEST}\` is no manifest of a release`)
  return value
}

function isManifest(
  value: unknown,
): value is { readonly version: string; readonly files: readonly Released[] } {
  if (typeof value !== 'object' || value === null) return false
  const { name, version, files } = value as Readonly<Record<string, unknown>>
  // A list of nothing would find nothing changed.
  return (
    name === 'lacre' &&
    typeof version === 'string' &&
    Array.isArray(files) &&
    files.length > 0 &&
    files.every(isReleased)
  )
}

function isReleased(value: unknown): value is Released {
  if (typeof value !== 'object' || value === null) return false
  const { path, sha256 } = value as Readonly<Record<string, unknown>>
  return (
    typeof path === 'string' &&
    !path.split('/').includes('..') &&
    !path.startsWith('/') &&
    typeof sha256 === 'string' &&
    /^[0-9a-f]{64}$/.test(sha256)
  )
}

interface Finding {
  readonly [name: string]: string
  readonly path: string
  readonly what: 'changed' | 'missing' | 'foreign'
}

function compare(directory: string, files: readonly Released[]): Finding[] {
  const known = new Set(files.map(({ path }) => path))
  const wrong = files.flatMap(({ path, sha256 }): Finding[] => {
    const found = digestAt(join(directory, path))
    if (found === undefined) return [{ path, what: 'missing' }]
    return found === sha256 ? [] : [{ path, what: 'changed' }]
  })
  const foreign = CLOSED.flatMap((folder) => filesBelow(directory, folder)).filter(
    (path) => !known.has(path) && path !== MANIFEST && !path.endsWith('.map'),
  )
  return [...wrong, ...foreign.map((path): Finding => ({ path, what: 'foreign' }))]
}

/** A link is no file of a release, wherever it leads. */
function digestAt(path: string): string | undefined {
  if (lstatSync(path, { throwIfNoEntry: false })?.isFile() !== true) return undefined
  return createHash('sha256').update(readFileSync(path)).digest('hex')
}

function filesBelow(directory: string, folder: string): string[] {
  const path = join(directory, folder)
  if (!existsSync(path)) return []
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(join(directory, '/').length))
}
