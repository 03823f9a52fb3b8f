import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

import { publint } from 'publint'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'

import { lacre } from '../support/command.ts'
import { projectRoot } from '../support/service.ts'
import { zipOf } from '../support/zip-builder.ts'

let dir = ''
const at = (name: string): string => join(dir, name)
const inProject = (path: string): string => readFileSync(join(projectRoot, path), 'utf8')

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'lacre-packaging-'))
  // Without `prepare`: other tests run from what is built.
  const args = ['pack', '--ignore-scripts', '--silent', '--pack-destination', dir]
  const npm = join(dirname(process.execPath), 'npm')
  const packed = spawnSync(existsSync(npm) ? npm : 'npm', args, {
    cwd: projectRoot,
    encoding: 'utf8',
  })
  expect(packed.status, packed.stderr).toBe(0)
  const archive = at(packed.stdout.trim())
  expect(spawnSync('tar', ['-xf', archive, '-C', dir]).status).toBe(0)
  for (const key of ['release.pem', 'other.pem']) lacre(['key', 'create', '--out', at(key)])
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

test('publint finds nothing in the package', async () => {
  const { messages } = await publint({ pkgDir: at('package'), pack: false, strict: true })

  expect(messages).toEqual([])
})

describe('lacre self verify', () => {
  /** A fresh copy of what npm would install, changed; then the answer of the copy about itself. */
  const verdict = (change: (copy: string) => void, args: readonly string[] = []) => {
    const copy = at(`copy-${Math.random()}`)
    cpSync(at('package'), copy, { recursive: true })
    change(copy)
    const run = spawnSync(
      process.execPath,
      [join(copy, 'dist/cli/main.js'), 'self', 'verify', ...args, '--json'],
      { encoding: 'utf8', env: { PATH: process.env['PATH'] } },
    )
    rmSync(copy, { recursive: true })
    const { answer, findings } = JSON.parse(run.stdout) as {
      answer: string
      findings: { path: string; what: string }[]
    }
    return { status: run.status, answer, findings }
  }
  const seal =
    (key: string, name = 'lacre') =>
    (copy: string) => {
      const args = ['sign', join(copy, 'dist/release.zip'), '--key', at(key), '--name', name]
      expect(lacre(args).status).toBe(0)
    }
  const trusting = ['--key', '']

  beforeAll(() => {
    trusting[1] = at('release.pem.pub')
  })

  test('what npm ships is whole, and authenticated by the key that sealed it alone', () => {
    expect(verdict(() => {})).toEqual({
      status: 5,
      answer: 'whole, not authenticated',
      findings: [],
    })
    expect(verdict(seal('release.pem'), trusting)).toMatchObject({
      status: 0,
      answer: 'authenticated',
    })
    expect(verdict(seal('other.pem'), trusting)).toMatchObject({ status: 1, answer: 'not trusted' })
    expect(verdict(() => {}, trusting)).toMatchObject({ status: 1, answer: 'not trusted' })
    // The same key's seal for something else is none for this.
    expect(verdict(seal('release.pem', 'orders'), trusting).status).toBe(1)
  })

  test.each<[string, string, (copy: string) => void, string]>([
    [
      'a policy that was edited',
      'changed',
      (copy) => appendFileSync(join(copy, 'policies/default/admission.cedar'), ' '),
      'policies/default/admission.cedar',
    ],
    [
      'a file that went',
      'missing',
      (copy) => rmSync(join(copy, 'dist/sbom.cdx.json')),
      'dist/sbom.cdx.json',
    ],
    [
      'a file that came',
      'foreign',
      (copy) => writeFileSync(join(copy, 'dist/cli/more.js'), ''),
      'dist/cli/more.js',
    ],
    [
      'a manifest of dependencies that was edited',
      'changed',
      (copy) => appendFileSync(join(copy, 'package.json'), '\n'),
      'package.json',
    ],
    [
      'a link in place of a file',
      'missing',
      (copy) => {
        renameSync(join(copy, 'dist/sbom.cdx.json'), join(copy, 'elsewhere.json'))
        symlinkSync('../elsewhere.json', join(copy, 'dist/sbom.cdx.json'))
      },
      'dist/sbom.cdx.json',
    ],
  ])('finds %s, sealed or not', (_title, what, change, path) => {
    const found = verdict((copy) => {
      seal('release.pem')(copy)
      change(copy)
    }, trusting)

    expect(found).toMatchObject({ status: 1, answer: 'changed' })
    expect(found.findings.filter((one) => one.path === path).map((one) => one.what)).toContain(
      what === 'missing' ? 'missing' : what,
    )
  })

  test('takes no manifest that names nothing', () => {
    const empty = zipOf({
      'release.json': JSON.stringify({ v: 1, name: 'lacre', version: '1', files: [] }),
    })
    writeFileSync(join(at('package'), 'dist/empty.zip'), empty)
    const copy = at('emptied')
    cpSync(at('package'), copy, { recursive: true })
    rmSync(join(at('package'), 'dist/empty.zip'))
    renameSync(join(copy, 'dist/empty.zip'), join(copy, 'dist/release.zip'))

    const run = lacre(['self', 'verify', '--directory', copy])

    expect(run.status).toBe(1)
    expect(run.stderr).toContain('no manifest')
  })
})

test('the bill of materials names every package whose notice is shipped, and attests as CycloneDX', () => {
  const notices = inProject('dist/THIRD-PARTY-NOTICES.txt')
  const named = [...notices.matchAll(/^((?:@[\w.-]+\/)?[\w.-]+) (\d+\.\d+\.\d+\S*) \(/gm)]
  const bom = JSON.parse(inProject('dist/sbom.cdx.json')) as {
    components: { name: string; version: string }[]
  }
  const inside = new Set(bom.components.map(({ name, version }) => `${name} ${version}`))
  writeFileSync(at('f.zip'), zipOf({ 'index.js': '1\n' }))

  const args = ['attest', at('f.zip'), '--type', 'cyclonedx', '--key', at('release.pem')]
  const attested = lacre([...args, '--predicate', join(projectRoot, 'dist/sbom.cdx.json')])

  expect(named.length).toBeGreaterThan(20)
  expect(
    named.map(([, name, version]) => `${name} ${version}`).filter((one) => !inside.has(one)),
  ).toEqual([])
  expect(inside.has('better-sqlite3 12.11.1')).toBe(true)
  expect(attested.status, attested.stderr).toBe(0)
})

describe('packaging/', () => {
  const unit = (): string => inProject('packaging/systemd/lacre.service')
  const serveFlags = (): string => lacre(['serve', '--help']).stdout

  test('the unit is one that systemd takes', (ctx) => {
    if (spawnSync('systemd-analyze', ['--version']).error !== undefined)
      return ctx.skip('systemd-analyze is not installed (apt-get install systemd)')
    writeFileSync(at('lacre.service'), unit().replace('/usr/bin/lacre', '/bin/true'))

    const run = spawnSync('systemd-analyze', ['verify', '--man=no', at('lacre.service')], {
      encoding: 'utf8',
    })

    const own = run.stderr.split('\n').filter((line) => line.includes('lacre.service'))
    expect(own, run.stderr).toEqual([])
  })

  test('under the capabilities that the unit leaves, functions are isolated as without it', (ctx) => {
    if (process.getuid?.() !== 0) return ctx.skip('not root')
    const kept = /^CapabilityBoundingSet=(.*)$/m.exec(unit())?.[1]?.split(' ') ?? []
    const set = ['-all', ...kept.map((name) => `+${name.replace('CAP_', '').toLowerCase()}`)].join(
      ',',
    )
    const isolation = (run: { stdout: string }) =>
      (JSON.parse(run.stdout) as { checks: { name: string; found: string }[] }).checks.find(
        ({ name }) => name === 'isolation',
      )?.found
    const command = join(projectRoot, 'dist/cli/main.js')
    const limited = spawnSync(
      'setpriv',
      [`--bounding-set=${set}`, '--no-new-privs', process.execPath, command, 'doctor', '--json'],
      { encoding: 'utf8' },
    )

    expect(kept.length).toBeGreaterThan(5)
    expect(isolation(limited), limited.stderr).toBe(isolation(lacre(['doctor', '--json'])))
  })

  test('the chart and the image give only flags that serve has, and values that are there', () => {
    const values = parse(inProject('packaging/helm/lacre/values.yaml')) as Record<string, unknown>
    const set = inProject('packaging/helm/lacre/templates/statefulset.yaml')
    const asked = [...set.matchAll(/\.Values\.([\w.]+)/g)].map(([, path]) => path ?? '')
    const valueAt = (path: string): unknown =>
      path.split('.').reduce<unknown>((now, name) => (now as Record<string, unknown>)[name], values)
    const flags = [...(set + unit()).matchAll(/ (--[a-z-]+)[= \n]/g)].map(([, flag]) => flag ?? '')

    expect(asked.length).toBeGreaterThan(7)
    expect(asked.filter((path) => valueAt(path) === undefined)).toEqual([])
    expect(flags.length).toBeGreaterThan(6)
    expect(flags.filter((flag) => !serveFlags().includes(`${flag} `))).toEqual([])
    const chart = parse(inProject('packaging/helm/lacre/Chart.yaml')) as { appVersion: string }
    expect(chart.appVersion).toBe(
      (JSON.parse(inProject('package.json')) as { version: string }).version,
    )
  })
})
