/**
 * Builds `dist/` from the sources: the command in modules that load as they are needed, and each program that runs beside
 * it (workers, spawner) as one file. A service is five threads, and each of them would read some hundred files to start:
 * in bundles that takes less than half the CPU time. Types are not looked at here (`npm run types`).
 *
 * @typedef {import('esbuild').Plugin} Plugin
 */
import { build } from 'esbuild'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cp, mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
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

/** The folders of packages that went into bundles, sorted. */
const bundledDirs = (/** @type {string[]} */ inputs) =>
  [
    ...new Set(
      inputs.flatMap((path) => path.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0] ?? []),
    ),
  ].sort()

const readJson = async (/** @type {string} */ path) =>
  JSON.parse(await readFile(join(root, path), 'utf8'))

/**
 * CycloneDX 1.6: what is inside our files, and what is installed beside them; the dependencies of the latter are npm's to
 * tell. Without times and serial numbers, so that the same sources give the same bytes.
 */
const billOfMaterials = async (/** @type {string[]} */ inputs) => {
  const { name, version, license, dependencies, optionalDependencies } =
    await readJson('package.json')
  const describe = async (/** @type {string} */ dir, /** @type {string} */ how) => {
    const found = await readJson(`${dir}/package.json`)
    const purl = `pkg:npm/${found.name.replace('@', '%40')}@${found.version}`
    return {
      type: 'library',
      'bom-ref': `${purl}#${how}`,
      name: found.name,
      version: found.version,
      scope: how === 'optional' ? 'optional' : 'required',
      licenses: [{ expression: found.license }],
      purl,
      properties: [{ name: 'lacre:shipped', value: how }],
    }
  }
  const components = await Promise.all([
    ...bundledDirs(inputs).map((dir) => describe(dir, 'bundled')),
    ...Object.keys(dependencies).map((each) => describe(`node_modules/${each}`, 'installed')),
  ])
  const own = { type: 'application', 'bom-ref': `pkg:npm/${name}@${version}`, name, version }
  const optional = Object.entries(optionalDependencies).map(([each, its]) => ({
    type: 'library',
    'bom-ref': `pkg:npm/${each}@${its}#optional`,
    name: each,
    version: its,
    scope: 'optional',
    purl: `pkg:npm/${each}@${its}`,
  }))
  const all = [...components, ...optional]
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: { component: { ...own, licenses: [{ expression: license }] } },
    components: all,
    dependencies: [
      { ref: own['bom-ref'], dependsOn: all.map((each) => each['bom-ref']) },
      ...all.map((each) => ({ ref: each['bom-ref'] })),
    ],
  }
}

/** What a release is made of: every file that is shipped and runs, or is read by what runs, by its digest. */
const shipped = ['dist', 'policies', 'examples/ci', 'examples/starter', 'package.json']

/** The manifest as a zip, so that it is sealed and verified as any package is: `lacre self verify`. */
const release = async () => {
  const files = []
  for (const top of shipped) {
    const isFile = (await stat(join(root, top))).isFile()
    const inside = isFile
      ? [top]
      : (await readdir(join(root, top), { recursive: true })).map((path) => `${top}/${path}`)
    for (const path of inside.filter((each) => !each.endsWith('.map'))) {
      if (!(await stat(join(root, path))).isFile()) continue
      const bytes = await readFile(join(root, path))
      files.push({
        path,
        size: bytes.byteLength,
        sha256: createHash('sha256').update(bytes).digest('hex'),
      })
    }
  }
  const { name, version } = await readJson('package.json')
  files.sort((a, b) => (a.path < b.path ? -1 : 1))
  const dir = join(out, 'release')
  await mkdir(dir)
  await writeFile(
    join(dir, 'release.json'),
    JSON.stringify({ v: 1, name, version, files }, null, 1),
  )
  const lacre = join(out, 'cli/main.js')
  const args = [lacre, 'pack', dir, '-o', join(out, 'release.zip'), '--store', '--quiet', '--json']
  execFileSync(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  await rm(dir, { recursive: true })
}

/** The notices of the packages that are inside the bundles, which their licences ask to go with them. */
const notices = async (/** @type {string[]} */ inputs) => {
  const texts = bundledDirs(inputs).map(async (dir) => {
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
const bom = await billOfMaterials(inputs.flat())
await writeFile(join(out, 'sbom.cdx.json'), `${JSON.stringify(bom, null, 2)}\n`)
for (const dir of files) await cp(join(root, dir), join(out, dir), { recursive: true })
await release()
