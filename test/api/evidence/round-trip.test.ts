import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

import { afterAll, describe, expect, it } from 'vitest'

import {
  buildReport,
  parseManifest,
  readContents,
  verifyEvidence,
  type EvidenceReport,
  type EvidenceVerdict,
  type VerifyEvidenceOptions,
} from '../../../services/evidence/index.ts'
import { parseVerifierKey } from '../../../services/ledger/index.ts'
import { bufferSource, sha256 } from '../../../services/model/index.ts'
import { pack, repack, unpack } from '../../support/evidence-archive.ts'
import { startEvidenceStory } from '../../support/evidence-story.ts'
import { addPerson } from '../../support/people.ts'
import { tempDir } from '../../support/state.ts'

const story = await startEvidenceStory()
afterAll(() => story[Symbol.asyncDispose]())
const { app, beginning, middle } = story
const logKey = parseVerifierKey(app.deps.audit.verifierKey)

async function archive(query: Readonly<Record<string, string>>): Promise<Buffer> {
  const { status, bytes } = await story.ask(query)
  if (status !== 200) throw new Error(`${status} ${bytes.toString()}`)
  return bytes
}

const verified = async (
  bytes: Buffer,
  options: VerifyEvidenceOptions = {},
): Promise<EvidenceVerdict> =>
  await verifyEvidence(bufferSource(bytes), { logKeys: [logKey], ...options })

const whole = await archive({ from: beginning })
const files = await unpack(whole)
const report = JSON.parse(files.get('report.json')?.toString() ?? '') as EvidenceReport

describe('an archive of the whole past', () => {
  it('verifies, with every decision made again and every seal verified again', async () => {
    const verdict = await verified(whole)

    expect(verdict.findings).toEqual([])
    expect(verdict.answer).toBe('authenticated')
    expect(verdict.told).toMatchObject({
      completeness: 'window',
      needArtifact: 0,
      decisions: verdict.told?.replayed,
    })
    expect(verdict.told?.decisions).toBeGreaterThan(15)
    expect(verdict.told?.seals).toBeGreaterThan(5)
    expect(verdict.told?.attestations).toBeGreaterThan(0)
  })

  it('tells what was live, one version after the other, without a gap', () => {
    const { intervals } = report

    expect(intervals.map(({ version }) => version)).toEqual(['1', '2', '3', '2', '1'])
    expect(intervals.slice(1).map(({ fromIndex }) => fromIndex)).toEqual(
      intervals.slice(0, -1).map(({ toIndex }) => toIndex),
    )
    expect(intervals.at(-1)?.to).toBeNull()
  })

  it('tells refusals with their reasons, approvals, the exception, revocations and policy sets', () => {
    const refused = report.decisions.filter(({ outcome }) => outcome === 'deny')
    const excepted = report.decisions.filter(({ exceptions }) =>
      exceptions.includes(story.breakGlass),
    )

    expect(refused.map(({ id }) => id)).toEqual(expect.arrayContaining([...story.refused]))
    expect(refused.every(({ notPassed }) => notPassed.length > 0)).toBe(true)
    expect(report.decisions.some(({ approvers }) => approvers.length === 2)).toBe(true)
    expect(excepted).toHaveLength(1)
    expect(report.breakGlass).toMatchObject([{ ticket: 'INC-7', ended: 'reverted' }])
    expect(report.revocations).toMatchObject([{ reason: 'left <b>the</b> company' }])
    expect(report.policySets).toMatchObject([{ name: 'separation-of-duties' }, { name: 'open' }])
  })

  it('holds no row and no decision of a function that it is not about', () => {
    const about = report.decisions.map(({ resource }) => resource)

    expect(about.filter((resource) => resource.includes(':function:other'))).toEqual([])
  })

  it('has a page without script, with foreign text escaped', () => {
    const page = files.get('report.html')?.toString() ?? ''

    expect(page).toContain('left &lt;b&gt;the&lt;/b&gt; company')
    expect(page).not.toMatch(/<script|javascript:|<b>|onerror|https?:\/\/(?!ci)/i)
    expect(page).toContain("default-src 'none'")
    expect(page).toContain('prefers-color-scheme')
  })

  it('comes out the same, byte for byte, for the same state', async () => {
    const to = new Date(Date.now() - 1).toISOString()

    expect(await archive({ from: beginning, to })).toEqual(await archive({ from: beginning, to }))
  })

  it('is not authenticated by the key inside', async () => {
    const verdict = await verifyEvidence(bufferSource(whole))

    expect(verdict).toMatchObject({ answer: 'consistent, not authenticated', findings: [] })
  })

  it('with artifacts holds the code, and their bytes are held to the log', async () => {
    const bytes = await archive({ from: beginning, artifacts: 'true' })
    const verdict = await verified(bytes)
    const inside = [...(await unpack(bytes))].filter(([path]) => path.startsWith('artifacts/'))

    expect(verdict).toMatchObject({ answer: 'authenticated', findings: [] })
    expect(inside.length).toBe(verdict.told?.artifacts)
    expect(inside.map(([path, code]) => path === `artifacts/${sha256(code)}.zip`)).not.toContain(
      false,
    )
  })

  it('is read in any zip: what was packed anew by another tool verifies', async () => {
    expect((await verified(pack(files))).answer).toBe('authenticated')
    expect((await verified(repack(files))).answer).toBe('authenticated')
  })
})

describe('a window in the middle', () => {
  it('shows what was live when it began, as begun before it', async () => {
    const bytes = await archive({ from: middle })
    const verdict = await verified(bytes)
    const told = JSON.parse(
      (await unpack(bytes)).get('report.json')?.toString() ?? '',
    ) as EvidenceReport

    expect(verdict).toMatchObject({ answer: 'authenticated', findings: [] })
    expect(verdict.told?.completeness).toBe('window')
    expect(told.intervals[0]?.version).toBe('1')
    expect(told.intervals[0]?.fromIndex).toBeLessThan(told.entries.first)
  })

  it('reaches back to the opening of what was live then, where that is asked for', async () => {
    const verdict = await verified(await archive({ from: middle, entries: 'opening' }))

    expect(verdict).toMatchObject({ answer: 'authenticated', findings: [] })
    expect(verdict.told?.completeness).toBe('since opening')
  })

  it('ends before later entries, and shows what goes on as going on', async () => {
    const bytes = await archive({ from: beginning, to: middle })
    const verdict = await verified(bytes)
    const manifest = parseManifest((await unpack(bytes)).get('manifest.json') ?? Buffer.alloc(0))

    expect(verdict).toMatchObject({ answer: 'authenticated', findings: [] })
    expect(manifest.range.end).toBeLessThan(manifest.size)
    expect(verdict.told?.intervals).toBe(1)
  })

  it('with nothing but own entries says that completeness is not shown', async () => {
    const bytes = await archive({ from: beginning, entries: 'own' })
    const verdict = await verified(bytes)
    const range = (await unpack(bytes)).get('ledger/range.jsonl')?.toString() ?? ''

    expect(verdict).toMatchObject({ answer: 'authenticated', findings: [] })
    expect(verdict.told?.completeness).toBe('not shown')
    expect(range).toMatch(/^[0-9a-f]{64}$/m)
    expect(range).not.toContain(':function:other')
  })

  it('before anything was live is empty, and verifies', async () => {
    const verdict = await verified(
      await archive({ from: '2020-01-01T00:00:00Z', to: beginning, entries: 'opening' }),
    )

    expect(verdict).toMatchObject({ answer: 'authenticated', findings: [] })
    expect(verdict.told).toMatchObject({ intervals: 0, completeness: 'since opening' })
  })
})

describe('checkpoints kept outside', () => {
  it('every one that was ever signed is the beginning of the archive', async () => {
    const rows = await app.deps.store.reader.selectFrom('ledger_checkpoint').selectAll().execute()
    const checkpoints = rows.map(({ note }) => note)

    const verdict = await verified(await archive({ from: beginning }), { checkpoints })

    expect(verdict.findings.filter(({ message }) => !message.includes('cannot be held'))).toEqual(
      [],
    )
    expect(verdict.told?.outsideCheckpoints).toBeGreaterThan(0)
  })

  it('one from before the window is proven where the export was asked with it', async () => {
    const [first] = await app.deps.store.reader
      .selectFrom('ledger_checkpoint')
      .selectAll()
      .orderBy('size')
      .execute()
    const bytes = await archive({ from: middle, checkpoint: String(first?.size) })

    const verdict = await verified(bytes, { checkpoints: [first?.note ?? ''] })

    expect(verdict).toMatchObject({ answer: 'authenticated', findings: [] })
    expect(verdict.told?.outsideCheckpoints).toBe(1)
  })
})

describe('the README inside', () => {
  it('has commands that hold with openssl and a shell alone', () => {
    using dir = tempDir()
    for (const [path, bytes] of files) {
      mkdirSync(dirname(join(dir.path, path)), { recursive: true })
      writeFileSync(join(dir.path, path), bytes)
    }
    const sh = (script: string) =>
      spawnSync('sh', ['-c', script], { cwd: dir.path, encoding: 'utf8' })
    const readme = files.get('README.md')?.toString() ?? ''
    const block = (heading: string): string =>
      /\n\n((?: {4}[^\n]+\n)+)/.exec(readme.slice(readme.indexOf(heading)))?.[1] ?? 'false'
    const seal = [...files.keys()].find((path) => /^seals\/.*block-0\.sigstore/.test(path))
    const key = [...files.keys()].find((path) => /^publishers\/ci-.*-1\.pem$/.test(path))

    expect(sh(block('**The checkpoint'))).toMatchObject({
      status: 0,
      stdout: 'Signature Verified Successfully\n',
    })
    expect(sh(block('**That an entry')).stdout).toMatch(/^entry \d+ is in the log\n$/)
    const every = sh(
      'for f in ledger/entries/*.json; do sh inclusion.sh $(basename $f .json) || exit 1; done',
    )
    expect(every.status).toBe(0)
    expect(sh(`sh dsse.sh ${seal} ${key}`).stdout).toContain('Verified OK')
    const edited = sh(
      `sed -i 's/"v":1/"v":2/' ledger/entries/*.json; sh inclusion.sh ${report.entries.first}`,
    )
    expect(edited.status).toBe(1)
  })
})

describe('who may have it', () => {
  it('an auditor gets it; whoever may only invoke does not', async () => {
    const auditor = await person('aud', 'auditor')
    const invoker = await person('inv', 'invoker')

    expect((await story.ask({ from: beginning }, auditor)).status).toBe(200)
    expect((await story.ask({ from: beginning }, invoker)).status).toBe(403)
  })

  it.each<[string, Record<string, string>, number]>([
    ['a window that ends before it begins', { from: middle, to: beginning }, 400],
    ['an end in the future', { from: beginning, to: '2999-01-01T00:00:00Z' }, 400],
    ['no beginning', {}, 400],
    ['another mode', { from: beginning, entries: 'all' }, 400],
    ['an unknown member', { from: beginning, x: '1' }, 400],
    ['a time that is none', { from: 'yesterday-at-noonish' }, 400],
  ])('refuses %s', async (_, query, status) => {
    expect((await story.ask(query)).status).toBe(status)
  })

  async function person(name: string, role: string) {
    const made = await addPerson(app, name)
    await app.deps.store.transaction((tx) =>
      tx
        .updateTable('principal')
        .set({ roles: JSON.stringify([role]) })
        .where('id', '=', made.principal)
        .execute(),
    )
    return made
  }
})

it('the report follows from the rest', () => {
  const manifest = parseManifest(files.get('manifest.json') ?? Buffer.alloc(0))
  const core = new Map(
    [...files].filter(([path]) =>
      /^(ledger\/|rows|decisions|policies\/(\d+\/set|schemas)|seals|attestations)/.test(path),
    ),
  )
  core.delete('ledger/range.jsonl')

  expect(buildReport(readContents(manifest, core))).toEqual(report)
})
