import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, describe, expect, it } from 'vitest'

import type { CommandRow } from '../../../cli/command.ts'
import { runCommandLine } from '../../../cli/run.ts'
import { startTestApp } from '../../support/app.ts'
import { cycloneDx, openVex, provenanceBy, scanOf, TYPE } from '../../support/attestations.ts'
import { nodePackage } from '../../support/packages.ts'
import { stored } from '../../support/stored.ts'

const app = await startTestApp()
const folder = mkdtempSync(join(tmpdir(), 'lacre-attest-'))
afterAll(async () => {
  await app[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

const table: readonly CommandRow[] = [
  { name: 'attest', summary: '', load: () => import('../../../cli/commands/attest.ts') },
  { name: 'verify', summary: '', load: () => import('../../../cli/commands/verify.ts') },
  { name: 'key', summary: '', load: () => import('../../../cli/commands/key.ts') },
  { name: 'publisher', summary: '', load: () => import('../../../cli/commands/publisher.ts') },
  { name: 'deploy', summary: '', load: () => import('../../../cli/commands/deploy.ts') },
]

async function lacre(...args: readonly string[]) {
  let out = ''
  let err = ''
  const exit = await runCommandLine(table, {
    args: [...args],
    environment: { LACRE_DATA: app.dataDir },
    out: { write: (text: string) => (out += text) },
    err: { write: (text: string) => (err += text) },
    version: '0.0.0',
  })
  return { exit, out, err }
}
const json = async <T>(...args: readonly string[]): Promise<T> => {
  const { exit, out, err } = await lacre(...args, '--json')
  if (exit !== 0) throw new Error(`exit ${exit}: ${out}${err}`)
  return JSON.parse(out) as T
}
const at = (name: string): string => join(folder, name)
const file = (name: string, content: Uint8Array | object): string => {
  writeFileSync(at(name), content instanceof Uint8Array ? content : JSON.stringify(content))
  return at(name)
}
const on = ['--data', app.dataDir]

const BUILDER = 'https://builder.example/v1'
const zip = file('f.zip', nodePackage('attested'))
const other = file('other.zip', nodePackage('another'))
await json('key', 'create', '--out', at('ci.pem'))
await json(
  'publisher',
  'create',
  'ci',
  '--key',
  at('ci.pem.pub'),
  '--builder',
  BUILDER,
  '--purpose',
  `attest:${TYPE.provenance}`,
  '--purpose',
  `attest:${TYPE.cyclonedx}`,
  ...on,
)

interface Made {
  readonly sha256: string
  readonly bundle: string
  readonly predicateType: string
  readonly attached: { readonly outcome: string } | null
}
const signed = ['--key', at('ci.pem')]

it.each<[string, string, object]>([
  ['slsaprovenance1', TYPE.provenance, provenanceBy(BUILDER) as object],
  ['cyclonedx', TYPE.cyclonedx, cycloneDx() as object],
  ['spdx', TYPE.spdx, { spdxVersion: 'SPDX-2.3', packages: [] }],
  ['vuln', TYPE.cosignScan, scanOf(['CVE-1', 'low']) as object],
  ['openvex', TYPE.vex, openVex() as object],
  ['test-result', TYPE.tests, { result: 'PASSED' }],
  ['https://example.com/review/v1', 'https://example.com/review/v1', { reviewed: true }],
])(
  'attests a zip as %s, and `verify --type` says so for that key alone',
  async (type, uri, said) => {
    const predicate = file('predicate.json', said)
    const out = at('made.sigstore.json')

    const made = await json<Made>(
      'attest',
      zip,
      '--predicate',
      predicate,
      '--type',
      type,
      '--detached',
      out,
      ...signed,
    )
    const verify = ['verify', zip, '--type', type, '--signature', out, '--builder', BUILDER]
    const good = await lacre(...verify, '--key', at('ci.pem.pub'))
    await json('key', 'create', '--out', at(`${encodeURIComponent(type)}.pem`))
    const stranger = await lacre(...verify, '--key', at(`${encodeURIComponent(type)}.pem.pub`))
    const elsewhere = await lacre(
      'verify',
      other,
      '--type',
      type,
      '--signature',
      out,
      '--key',
      at('ci.pem.pub'),
    )

    expect(made.predicateType).toBe(uri)
    expect(good).toMatchObject({ exit: 0 })
    expect(good.out).toContain('attested')
    expect(stranger.exit).toBe(1)
    expect(elsewhere.exit).toBe(1)
    expect(elsewhere.out).toContain('the seal is over sha256')
  },
)

it('`verify --type` refuses a sound attestation of another type, and a builder that is not named', async () => {
  const predicate = file('predicate.json', provenanceBy(BUILDER) as object)
  const out = at('typed.sigstore.json')
  await json(
    'attest',
    zip,
    '--predicate',
    predicate,
    '--type',
    'slsaprovenance1',
    '--detached',
    out,
    ...signed,
  )
  const verify = ['verify', zip, '--signature', out, '--key', at('ci.pem.pub')]

  const another = await lacre(...verify, '--type', 'cyclonedx', '--builder', BUILDER)
  const unlisted = await lacre(...verify, '--type', 'slsaprovenance1')

  expect(another.exit).toBe(1)
  expect(another.out).toContain('attest:https://slsa.dev/provenance/v1')
  expect(unlisted.exit).toBe(1)
  expect(unlisted.out).toContain(BUILDER)
})

describe('at the service', () => {
  it('`--upload` uploads the zip where it is not there, and attaches', async () => {
    const predicate = file('predicate.json', provenanceBy(BUILDER) as object)

    const made = await json<Made>(
      'attest',
      zip,
      '--predicate',
      predicate,
      '--type',
      'slsaprovenance1',
      '--upload',
      ...signed,
      ...on,
    )

    expect(made.bundle).toBe(`${zip}.slsaprovenance1.sigstore.json`)
    expect(made.attached).toMatchObject({ outcome: 'counts' })
  })

  it('warns where what it attached counts for nothing', async () => {
    const predicate = file('predicate.json', { result: 'PASSED' })

    const { exit, err } = await lacre(
      'attest',
      zip,
      '--predicate',
      predicate,
      '--type',
      'test-result',
      '--upload',
      ...signed,
      ...on,
    )

    expect(exit).toBe(0)
    expect(err).toContain('counts for nothing')
  })

  it('`--attach` attaches bundles made elsewhere; one of another zip is refused, with nothing stored', async () => {
    const predicate = file('predicate.json', cycloneDx() as object)
    const bundle = at('elsewhere.sigstore.json')
    await json(
      'attest',
      zip,
      '--predicate',
      predicate,
      '--type',
      'cyclonedx',
      '--detached',
      bundle,
      ...signed,
    )

    const attached = await json<{ attached: { attestation: object }[] }>(
      'attest',
      zip,
      '--attach',
      bundle,
      ...on,
    )
    const before = await stored(app.deps)
    const wrong = await lacre('attest', other, '--attach', bundle, ...on)

    expect(attached.attached).toMatchObject([{ attestation: { outcome: 'counts' } }])
    expect(wrong.exit).toBe(1)
    expect(wrong.err).toContain('is refused')
    expect(await stored(app.deps)).toEqual(before)
  })

  it("`--decision` saves the service's summary, which `verify --type vsa` verifies", async () => {
    const deployed = await json<{ decisions: readonly string[] }>(
      'deploy',
      zip,
      '--function',
      'shop',
      '--runtime',
      'nodejs20.x',
      '--handler',
      'index.handler',
      ...on,
    )
    const out = at('own.vsa.json')

    const made = await json<{ publicKeyPem: string; sha256: string }>(
      'attest',
      '--decision',
      deployed.decisions[0] ?? '',
      '--detached',
      out,
      ...on,
    )
    const pem = file('vsa.pub', Buffer.from(made.publicKeyPem))
    const verify = ['verify', zip, '--type', 'vsa', '--signature', out]

    expect((await lacre(...verify, '--key', pem)).exit).toBe(0)
    expect((await lacre(...verify, '--key', at('ci.pem.pub'))).exit).toBe(1)
  })
})

describe('what makes no sense is told with the exit code of a wrong command line', () => {
  const predicate = file('good.json', { result: 'PASSED' })
  const bad = file('bad.json', Buffer.from('{"a":1,"a":2}'))
  const wrong = file('wrong.json', { result: 'maybe' })

  it.each<[string, readonly string[], string]>([
    ['a type that is none', ['--predicate', predicate, '--type', 'unknown'], 'slsaprovenance1'],
    ['no type', ['--predicate', predicate], '--type'],
    ['no predicate', ['--type', 'test-result'], '--predicate'],
    ['a predicate with a name twice', ['--predicate', bad, '--type', 'test-result'], 'twice'],
    [
      'a predicate that nobody could read',
      ['--predicate', wrong, '--type', 'test-result'],
      'result',
    ],
    [
      'our own seal as a type',
      ['--predicate', predicate, '--type', 'urn:lacre:seal:v1'],
      'no attestation',
    ],
  ])('%s', async (_what, args, told) => {
    const out = at('never.json')

    const { exit, err } = await lacre('attest', zip, ...args, '--detached', out, ...signed)

    expect(exit).toBe(2)
    expect(err).toContain(told)
    expect(() => readFileSync(out)).toThrow()
  })
})
