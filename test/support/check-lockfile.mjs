/**
 * What npm will install, before it does: from the npm registry alone, pinned by SHA-512, with install scripts of nobody that
 * package.json does not name in `allowScripts`; what is shipped is under licences that ask for their notice alone.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

import { isAcceptedLicence } from './licences.mjs'

const REGISTRY = 'https://registry.npmjs.org/'
const SHA512 = /^sha512-[A-Za-z0-9+/]{86}==$/
/** A version or range of the registry, or another name for one: no URL, path, tag of git or of GitHub. */
const FROM_REGISTRY = /^(?:npm:(?:@[a-z0-9._-]+\/)?[a-z0-9._-]+@)?[\s0-9.*xX^~<>=|a-zA-Z+-]+$/

/**
 * Every fault, in sentences.
 * @param {{ lockfileVersion?: number, packages?: Record<string, any> }} lock
 * @param {{ allowScripts?: Record<string, boolean> }} manifest
 * @returns {string[]}
 */
export function wrongInLockfile(lock, manifest) {
  const packages = Object.entries(lock.packages ?? {}).filter(([path]) => path !== '')
  if (lock.lockfileVersion !== 3 || packages.length === 0)
    return ['it is no lockfile of version 3 with packages in it']
  return [
    ...Object.entries(lock.packages ?? {}).flatMap(([path, one]) => wrongRanges(path, one)),
    ...packages.flatMap(([path, one]) => [
      ...wrongOrigin(path, one),
      ...wrongScripts(path, one, manifest.allowScripts ?? {}),
      ...wrongLicence(path, one),
    ]),
  ]
}

/** @type {(path: string, one: any) => string[]} */
function wrongRanges(path, { dependencies, devDependencies, optionalDependencies }) {
  const all = { ...dependencies, ...devDependencies, ...optionalDependencies }
  return Object.entries(all).flatMap(([name, range]) =>
    FROM_REGISTRY.test(String(range))
      ? []
      : [`${path || 'the project'} wants ${name} from ${range}`],
  )
}

/**
 * Without `resolved` npm asks the registry it is set to (`omit-lockfile-registry-resolved`); the digest holds for any.
 * @type {(path: string, one: any) => string[]}
 */
function wrongOrigin(path, { resolved, integrity, link, inBundle }) {
  // It came inside the package above it, under that one's digest.
  if (inBundle === true) return []
  const wrong = []
  if (link === true) wrong.push(`${path} is a link to a folder`)
  if (resolved !== undefined && !String(resolved).startsWith(REGISTRY))
    wrong.push(`${path} comes from ${resolved}`)
  if (!SHA512.test(integrity ?? '')) wrong.push(`${path} is not pinned by SHA-512`)
  return wrong
}

/** @type {(path: string, one: any, allowed: Record<string, boolean>) => string[]} */
function wrongScripts(path, { hasInstallScript, name }, allowed) {
  const real = name ?? path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
  return hasInstallScript === true && allowed[real] !== true
    ? [`${path} runs a script when it is installed, and allowScripts does not name it`]
    : []
}

/** @type {(path: string, one: any) => string[]} */
function wrongLicence(path, { dev, devOptional, license }) {
  const shipped = dev !== true && devOptional !== true
  return shipped && !isAcceptedLicence(license)
    ? [`${path} is shipped, and its licence is ${license ?? 'not told'}`]
    : []
}

function check() {
  const root = fileURLToPath(new URL('../..', import.meta.url))
  let failed = false
  for (const folder of ['.', 'test/clients/ric', 'test/bench/peers']) {
    const read = (/** @type {string} */ name) =>
      JSON.parse(readFileSync(join(root, folder, name), 'utf8'))
    const lock = read('package-lock.json')
    const wrong = wrongInLockfile(lock, read('package.json'))
    // A project's own setting would send all of it elsewhere.
    if (existsSync(join(root, folder, '.npmrc'))) wrong.push('there is an .npmrc')
    for (const line of wrong) console.error(`${folder}: ${line}`)
    console.log(
      `${folder}: ${Object.keys(lock.packages).length - 1} packages, ${wrong.length} faults`,
    )
    failed ||= wrong.length > 0
  }
  process.exit(failed ? 1 : 0)
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) check()
