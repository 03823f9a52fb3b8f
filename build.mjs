/**
 * Builds `dist/` from the sources: the command in modules that load as they are needed, and each program that runs beside
 * it (workers, spawner) as one file. A service is five threads, and each of them would read some hundred files to start:
 * in bundles that takes less than half the CPU time. Types are not looked at here (`npm run types`).
 *
 * @typedef {import('esbuild').Plugin} Plugin
 */
import { build } from 'esbuild'
import { cp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'

import { isAcceptedLicence } from './test/support/licences.mjs'

const root = import.meta.dirname
const out = join(root, 'dist')

/** Programs beside the command, each started by its own path: `compiledUrl` finds them from sources and from bundles. */
const programs = [
  'services/http/lambda/body-worker',
  'services/operations/examine-worker',
  'services/operations/live-judge-worker',
  'services/operations/plan-worker',
  'services/operations/policy-worker',
  'services/operations/scrub-worker',
  'services/runtime/prepare/worker',
  'services/runtime/spawner/main',
]

/** Plain files that are read or started from beside the module that names them. */
const files = ['services/runtime/bootstraps', 'services/http/console/static']

/** What stays a package of its own: native code, WebAssembly, and what the command loads for one job alone. */
const external = ['better-sqlite3', '@cedar-policy/cedar-wasm', 'pkcs11js', '@sigstore/tuf']

/** Modules find files beside themselves by `import.meta.url`: in a bundle it is the place they would have had. */
const ownPlace = (/** @type {string} */ bundleDir) =>
  /** @type {Plugin} */ ({
    name: 'own-place',
    setup({ onLoad }) {
      onLoad({ filter: /\/(services|cli)\/.*\.tsx?$/ }, async ({ path }) => {
        const text = await readFile(path, 'utf8')
        if (!text.includes('import.meta.url')) return undefined
        const place = join(out, relative(root, path)).replace(/tsx?$/, 'js')
        const there = JSON.stringify(relative(bundleDir, place))
        const contents = text.replaceAll(
          'import.meta.url',
          `new URL(${there}, import.meta.url).href`,
        )
        return { contents, loader: path.endsWith('x') ? 'tsx' : 'ts' }
      })
    },
  })

/** The files that went into the bundle, relative to the root. */
const bundle = async (/** @type {string} */ entry, split = false) => {
  const outdir = dirname(join(out, entry))
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [`${entry}.ts`],
    outdir,
    bundle: true,
    splitting: split,
    chunkNames: '[name]-[hash]',
    format: 'esm',
    platform: 'node',
    target: 'node20',
    external,
    sourcemap: 'linked',
    metafile: true,
    // Packages in the older form ask for Node's own modules by `require`.
    banner: {
      js: "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);",
    },
    plugins: [ownPlace(outdir)],
    logLevel: 'warning',
  })
  return Object.keys(metafile.inputs)
}

/** The notices of the packages that are inside the bundles, which their licences ask to go with them. */
const notices = async (/** @type {string[]} */ inputs) => {
  const dirs = inputs.flatMap((path) => path.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+/) ?? [])
  const texts = [...new Set(dirs)].sort().map(async (dir) => {
    const { name, version, license } = JSON.parse(
      await readFile(join(root, dir, 'package.json'), 'utf8'),
    )
    if (!isAcceptedLicence(license))
      throw new Error(`${name} cannot be bundled: its licence is ${license}`)
    const file = (await readdir(join(root, dir))).find((entry) => /^licen[cs]e/i.test(entry))
    const text = file === undefined ? '' : await readFile(join(root, dir, file), 'utf8')
    return `${name} ${version} (${license})\n\n${text.trim()}\n`
  })
  return (await Promise.all(texts)).join(`\n${'-'.repeat(80)}\n\n`)
}

await rm(out, { recursive: true, force: true })
const inputs = await Promise.all([
  bundle('cli/main', true),
  ...programs.map((entry) => bundle(entry)),
])
await writeFile(join(out, 'THIRD-PARTY-NOTICES.txt'), await notices(inputs.flat()))
for (const dir of files) await cp(join(root, dir), join(out, dir), { recursive: true })
