import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

import {
  CreateAliasCommand,
  PublishVersionCommand,
  UpdateAliasCommand,
} from '@aws-sdk/client-lambda'
import { sql } from 'kysely'
import { afterAll, describe, expect, it } from 'vitest'

import { readConfig } from '../../../services/config.ts'
import {
  PATHS,
  parseManifest,
  verifyEvidence,
  type EvidenceReport,
  type EvidenceVerdict,
  type Manifest,
  type VerifyEvidenceOptions,
} from '../../../services/evidence/index.ts'
import { parseVerifierKey, type NoteKey } from '../../../services/ledger/index.ts'
import {
  bufferSource,
  canonicalJson,
  systemClock,
  systemRandom,
  toIsoTime,
  type Json,
} from '../../../services/model/index.ts'
import { beginNewLedger, rotateLedgerKey } from '../../../services/offline-ledger.ts'
import { TEST_OPTIONS, startTestApp, type TestApp } from '../../support/app.ts'
import { forge, repack, unpack, type ArchiveFiles } from '../../support/evidence-archive.ts'
import { rebuild, type Rebuilding } from '../../support/evidence-ledgers.ts'
import { askArchive } from '../../support/evidence-story.ts'
import { createActive, updateAndWait } from '../../support/functions.ts'
import { nodePackage } from '../../support/packages.ts'
import { OPEN, apply } from '../../support/policy-sets.ts'
import { MemoryLog, tempDir } from '../../support/state.ts'

const dir = tempDir()
afterAll(() => dir[Symbol.dispose]())
const copy = tempDir()
afterAll(() => copy[Symbol.dispose]())
const data = dir.path
const around = { clock: systemClock, random: systemRandom, log: new MemoryLog() }
const beforeMs = Date.now() - 1_000

/** An instant that lies between what was done and what follows. */
async function tick(): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, 3))
  const now = Date.now()
  await new Promise((resolve) => setTimeout(resolve, 3))
  return now
}

async function move(app: TestApp, FunctionVersion: string): Promise<void> {
  await app.client.send(
    new UpdateAliasCommand({ FunctionName: 'old', Name: 'prod', FunctionVersion }),
  )
}

async function release(app: TestApp, name: string): Promise<void> {
  await updateAndWait(app.client, 'old', nodePackage(name))
  await app.client.send(new PublishVersionCommand({ FunctionName: 'old' }))
}

/** The key and the newest checkpoint of the ledger in force. */
async function standing(app: TestApp): Promise<{ readonly key: NoteKey; readonly note: string }> {
  await app.deps.audit.checkpoint()
  const { note } = await app.deps.store.reader
    .selectFrom('ledger_checkpoint')
    .select('note')
    .orderBy('size', 'desc')
    .limit(1)
    .executeTakeFirstOrThrow()
  return { key: parseVerifierKey(app.deps.audit.verifierKey), note }
}

async function ask(
  app: TestApp,
  of: string,
  query: { readonly fromMs: number; readonly entries?: string },
): Promise<Map<string, Buffer>> {
  const { fromMs, ...more } = query
  const path = `/api/v1/evidence/${of}`
  const { status, bytes } = await askArchive(app.admin, path, { from: toIsoTime(fromMs), ...more })
  if (status !== 200) throw new Error(`${status} ${bytes.toString()}`)
  return await unpack(bytes)
}

// The first ledger: two aliases, and a release that is not live yet.
let first: Awaited<ReturnType<typeof standing>>
{
  await using app = await startTestApp({ data })
  await createActive(app.client, 'old', { Publish: true })
  for (const Name of ['prod', 'still'])
    await app.client.send(
      new CreateAliasCommand({ FunctionName: 'old', Name, FunctionVersion: '1' }),
    )
  await release(app, 'old two')
  first = await standing(app)
}
await rotateLedgerKey(readConfig({ ...TEST_OPTIONS, data }, {}), around)

// The second one: what was live until then ends in it, and a copy of the database is taken.
let second: Awaited<ReturnType<typeof standing>>
let rotated: Readonly<Record<'whole' | 'opening' | 'own' | 'ground' | 'inside', ArchiveFiles>>
let groundMs: number
{
  await using app = await startTestApp({ data })
  const insideMs = await tick()
  await move(app, '2')
  await createActive(app.client, 'ground', { Publish: true })
  await app.client.send(
    new CreateAliasCommand({ FunctionName: 'ground', Name: 'prod', FunctionVersion: '1' }),
  )
  await apply(app.admin, 'open', OPEN)
  groundMs = await tick()
  await createActive(app.client, 'new', { Publish: true, Code: { ZipFile: nodePackage('new') } })
  await app.client.send(
    new CreateAliasCommand({ FunctionName: 'new', Name: 'prod', FunctionVersion: '1' }),
  )
  second = await standing(app)
  rotated = {
    whole: await ask(app, 'old/prod', { fromMs: beforeMs }),
    opening: await ask(app, 'old/still', { fromMs: groundMs, entries: 'opening' }),
    own: await ask(app, 'old/prod', { fromMs: beforeMs, entries: 'own' }),
    ground: await ask(app, 'ground/prod', { fromMs: insideMs, entries: 'own' }),
    inside: await ask(app, 'new/prod', { fromMs: groundMs }),
  }
}
cpSync(join(data, 'lacre.db'), join(copy.path, 'lacre.db'))

// What comes then is lost with the database; the checkpoint outside knows of it.
let lost: Awaited<ReturnType<typeof standing>>
{
  await using app = await startTestApp({ data })
  await release(app, 'old three')
  await move(app, '3')
  lost = await standing(app)
}
for (const suffix of ['', '-wal', '-shm']) rmSync(join(data, `lacre.db${suffix}`), { force: true })
cpSync(join(copy.path, 'lacre.db'), join(data, 'lacre.db'))
const config = { dataDir: data, masterKey: undefined, checkpointDir: undefined, reason: 'restored' }
await beginNewLedger(config, around)

// The third one.
const app = await startTestApp({ data })
afterAll(() => app[Symbol.asyncDispose]())
const afterMs = await tick()
await move(app, '1')
const third = await standing(app)
const whole = await ask(app, 'old/prod', { fromMs: beforeMs })
const after = await ask(app, 'old/prod', { fromMs: afterMs })

// As where a service was killed before it signed: what is kept of the second ledger is signed by nobody.
await app.deps.store.transaction(async (tx) => {
  const { rows } = await sql<{ name: string }>`select name from sqlite_master
    where type = 'trigger' and tbl_name = 'past_ledger_checkpoint'`.execute(tx)
  for (const { name } of rows) await sql`drop trigger ${sql.id(name)}`.execute(tx)
  await tx.deleteFrom('past_ledger_checkpoint').where('epoch', '=', 2).execute()
})
const unsigned = await ask(app, 'old/prod', { fromMs: beforeMs })

const verify = async (
  bytes: Uint8Array,
  options: VerifyEvidenceOptions = {},
): Promise<EvidenceVerdict> => await verifyEvidence(bufferSource(bytes), options)
const reportOf = (files: ArchiveFiles): EvidenceReport =>
  JSON.parse(files.get(PATHS.reportJson)?.toString() ?? '') as EvidenceReport
const believed = ({ told }: EvidenceVerdict) => told?.ledgers.map((one) => one.believed)
const messages = ({ findings }: EvidenceVerdict): string =>
  findings.map(({ message }) => message).join('\n')

describe('after the key of the ledger was rotated', () => {
  it.each([
    ['a window over both ledgers', rotated.whole, 'window', 2],
    ['the opening of what was live, in the ledger before', rotated.opening, 'since opening', 1],
    ['entries about the alias alone', rotated.own, 'not shown', 2],
    ['rows that stand in the ledger before', rotated.ground, 'not shown', 1],
  ] as const)('verifies %s by the new key', async (_, files, completeness, intervals) => {
    const verdict = await verify(repack(files), { logKeys: [second.key] })

    expect(verdict).toMatchObject({ answer: 'authenticated', findings: [] })
    expect(verdict.told).toMatchObject({
      completeness,
      intervals,
      ledgers: [
        {
          epoch: 1,
          origin: first.key.name,
          believed: 'the ledger after quotes it',
          ended: 'key rotated',
        },
        { epoch: 2, origin: second.key.name, believed: 'its key was given', ended: null },
      ],
    })
  })

  it('verifies by the old key too, which announced the new one; not by that of somebody else', async () => {
    const bytes = repack(rotated.whole)
    const old = await verify(bytes, { logKeys: [first.key] })

    expect(old).toMatchObject({ answer: 'authenticated', findings: [] })
    expect(believed(old)).toEqual(['its key was given', 'the ledger before announced its key'])
    expect(believed(await verify(bytes, { logKeys: [first.key, second.key] }))).toEqual([
      'its key was given',
      'its key was given',
    ])
    expect(await verify(bytes)).toMatchObject({ answer: 'consistent, not authenticated' })
    expect(messages(await verify(bytes, { logKeys: [third.key] }))).toBe(
      'the log key inside is not the one given from outside',
    )
  })

  it('holds a checkpoint kept of either ledger to that ledger', async () => {
    const checkpoints = [first.note, second.note]
    const verdict = await verify(repack(rotated.whole), { logKeys: [second.key], checkpoints })

    expect(verdict).toMatchObject({ answer: 'authenticated', told: { outsideCheckpoints: 2 } })
  })

  it('tells what was live without a gap, numbered through both ledgers', () => {
    const { intervals, ledgers, statements } = reportOf(rotated.whole)

    expect(intervals.map(({ version }) => version)).toEqual(['1', '2'])
    expect(intervals[0]?.toIndex).toBe(intervals[1]?.fromIndex)
    expect(intervals[1]?.fromIndex).toBeGreaterThan(ledgers?.[1]?.first ?? Number.NaN)
    expect(intervals[0]?.fromIndex).toBeLessThan(ledgers?.[0]?.size ?? 0)
    expect(statements.join('\n')).toContain('Ledger 2 follows ledger 1, whose key was rotated')
  })

  it('reaches back no further than it must', async () => {
    const verdict = await verify(repack(rotated.inside), { logKeys: [second.key] })

    expect(verdict).toMatchObject({ answer: 'authenticated', findings: [], told: { intervals: 1 } })
    expect(verdict.told?.ledgers).toMatchObject([{ epoch: null }])
    expect(reportOf(rotated.inside)).not.toHaveProperty('ledgers')
    expect(rotated.inside.get(PATHS.manifest)?.toString()).toContain('"v":1')
  })

  it('has every entry of both checked by the script inside', () => {
    using out = tempDir()
    for (const [path, bytes] of rotated.whole) {
      mkdirSync(join(out.path, dirname(path)), { recursive: true })
      writeFileSync(join(out.path, path), bytes)
    }
    const each = 'for f in ledger/entries/*.json; do sh $S $(basename $f .json) || exit 1; done'
    const script = `S=inclusion.sh; ${each}; cd earlier/1 && S=../../inclusion.sh; ${each}`
    const run = spawnSync('sh', ['-ec', script], { cwd: out.path, encoding: 'utf8' })

    expect([run.status, run.stderr]).toEqual([0, ''])
    expect(rotated.whole.get(PATHS.readme)?.toString()).toContain('cd earlier/1 && sh')
  })
})

describe('after a ledger was given up', () => {
  it('verifies over all three, and says plainly what is only quoted and that entries are lost', async () => {
    const verdict = await verify(repack(whole), { logKeys: [third.key] })

    expect(verdict).toMatchObject({
      answer: 'authenticated',
      findings: [],
      told: {
        intervals: 3,
        completeness: 'not shown',
        ledgers: [{ ended: 'key rotated' }, { ended: 'given up' }, { ended: null }],
      },
    })
    const [, given] = verdict.told?.ledgers ?? []
    expect(given?.lastKnown).toBeGreaterThan(given?.size ?? Number.NaN)
    expect(reportOf(whole).statements.join('\n')).toMatch(
      /Completeness is not shown: [^]*Ledger 3 does not extend ledger 2, which was given up/,
    )
  })

  it('is not authenticated by a key from before', async () => {
    const verdict = await verify(repack(whole), { logKeys: [first.key, second.key] })

    expect(verdict).toMatchObject({ answer: 'consistent, not authenticated', findings: [] })
    expect(believed(verdict)).toEqual(['its key was given', 'its key was given', 'nothing'])
  })

  it('holds to it the checkpoint of what is lost, which the next ledger quotes', async () => {
    const options = { logKeys: [third.key], checkpoints: [lost.note, first.note] }

    expect(await verify(repack(whole), options)).toMatchObject({
      answer: 'authenticated',
      told: { outsideCheckpoints: 2 },
    })
  })

  it('believes what nobody signed by the ledger alone that quotes it', async () => {
    const path = `earlier/2/${PATHS.checkpoint}`
    const verdict = await verify(repack(unsigned), { logKeys: [third.key] })
    const before = await verify(repack(unsigned), { logKeys: [first.key, second.key] })

    expect(unsigned.get(path)?.toString()).not.toContain('—')
    expect(whole.get(path)?.toString()).toContain('—')
    expect(verdict).toMatchObject({ answer: 'authenticated', findings: [] })
    expect(before).toMatchObject({ answer: 'consistent, not authenticated', findings: [] })
    expect(believed(before)).toEqual(['its key was given', 'nothing', 'nothing'])
  })

  it('shows a window that begins after it as complete', async () => {
    const verdict = await verify(repack(after), { logKeys: [third.key] })

    expect(verdict).toMatchObject({ answer: 'authenticated', findings: [] })
    expect(verdict.told).toMatchObject({ completeness: 'window', intervals: 2 })
  })
})

describe('found out, with every trace hidden', () => {
  /** Where what is forged cannot even be read, as it is. */
  const forged = (
    files: ArchiveFiles,
    change: (manifest: Manifest) => Partial<Manifest> = () => ({}),
  ): Buffer => {
    try {
      return forge(files, change)
    } catch {
      return repack(files, change)
    }
  }
  const rebuilt = async (files: ArchiveFiles, how: Rebuilding, key?: NoteKey) => {
    const made = await rebuild(files, how)
    const logKeys = [key ?? made.key]
    return await verify(forged(made.files, made.change), { logKeys })
  }
  const manifestOf = (files: ArchiveFiles): Manifest =>
    parseManifest(files.get(PATHS.manifest) ?? Buffer.alloc(0))

  /** As the service of that ledger would write its first entry: with a key of its own, and another thing or two. */
  const begun =
    (change: (previous: Record<string, Json>) => Record<string, Json> = (same) => same) =>
    (entry: Readonly<Record<string, Json>>, verifierKey: string) => {
      if (entry['type'] !== 'ledger.begun') return entry
      const note = entry['note'] as Record<string, Json>
      const previous = change(note['previous'] as Record<string, Json>)
      return { ...entry, note: { ...note, verifierKey, previous } }
    }

  it('what is forged by nobody verifies, also a ledger made anew by whoever has the key that is trusted', async () => {
    expect(await verify(forged(whole), { logKeys: [third.key] })).toMatchObject({
      answer: 'authenticated',
    })
    expect(await rebuilt(whole, { folder: '', edit: begun() })).toMatchObject({
      answer: 'authenticated',
      findings: [],
    })
  })

  it('ledgers that were swapped', async () => {
    const swapped = new Map(rotated.whole)
    for (const [path, bytes] of rotated.whole) {
      if (path.startsWith('earlier/1/')) {
        swapped.set(path.slice(10), bytes)
        if (!rotated.whole.has(path.slice(10))) swapped.delete(path)
      } else if (path.startsWith('ledger/')) {
        swapped.set(`earlier/1/${path}`, bytes)
        if (!rotated.whole.has(`earlier/1/${path}`)) swapped.delete(path)
      }
    }
    const bytes = forged(swapped, ({ origin, size, range, earlier: [one] }) => ({
      origin: one?.origin ?? '',
      size: one?.size ?? 0,
      range: one?.range ?? range,
      earlier: [{ epoch: 1, origin, size, range }],
    }))

    for (const logKeys of [[second.key], [first.key]])
      expect(await verify(bytes, { logKeys })).toMatchObject({ answer: 'changed' })
  })

  it('a ledger that is told to stand before itself', async () => {
    const newest = [...rotated.whole].filter(([path]) => !path.startsWith('earlier/'))
    const again = newest.flatMap(([path, bytes]): [string, Buffer][] =>
      path.startsWith('ledger/') ? [[`earlier/1/${path}`, bytes]] : [],
    )
    const files = new Map([...newest, ...again])
    files.set(PATHS.rows, Buffer.alloc(0))
    const bytes = forged(files, ({ origin, size, range }) => ({
      earlier: [{ epoch: 1, origin, size, range }],
    }))

    expect(messages(await verify(bytes, { logKeys: [second.key] }))).toMatch(
      /two ledgers inside have one name[^]*ledger 2 quotes another ledger than ledger 1/,
    )
  })

  it('a ledger that was left out between two', async () => {
    const files = new Map(
      [...whole].flatMap(([path, bytes]): [string, Buffer][] => {
        if (path.startsWith('earlier/2/') || path === PATHS.rows) return []
        return [[path.replace('earlier/1/', 'earlier/2/'), bytes]]
      }),
    )
    files.set(PATHS.rows, Buffer.alloc(0))
    const bytes = forged(files, ({ earlier: [one] }) => ({
      earlier: one === undefined ? [] : [{ ...one, epoch: 2 }],
    }))

    expect(messages(await verify(bytes, { logKeys: [third.key] }))).toContain(
      'ledger 3 quotes another ledger than ledger 2 as it is inside',
    )
  })

  it('a link that is missing', async () => {
    const left = new Map(rotated.whole)
    left.delete('ledger/entries/0.json')
    left.delete('ledger/entries/0.tlog-proof')

    expect(messages(await verify(forged(left), { logKeys: [second.key] }))).toContain(
      'nothing else tells what was before',
    )
  })

  it('an announcement that is missing', async () => {
    const left = new Map(rotated.whole)
    const last = (manifestOf(left).earlier[0]?.size ?? 0) - 1
    left.delete(`earlier/1/ledger/entries/${last}.json`)
    left.delete(`earlier/1/ledger/entries/${last}.tlog-proof`)

    expect(messages(await verify(forged(left), { logKeys: [second.key] }))).toContain(
      'ledger 1 did not announce ledger 2',
    )
  })

  it.each<[string, (previous: Record<string, Json>) => Record<string, Json>]>([
    ['another root', (previous) => ({ ...previous, root: 'ab'.repeat(32) })],
    ['another size', (previous) => ({ ...previous, size: Number(previous['size']) - 1 })],
    ['another log', (previous) => ({ ...previous, origin: first.key.name })],
  ])('a link that quotes %s, under the key that is trusted', async (_, change) => {
    expect(messages(await rebuilt(whole, { folder: '', edit: begun(change) }))).toContain(
      'ledger 3 quotes another ledger than ledger 2 as it is inside',
    )
  })

  it.each<[string, Record<string, Json>]>([
    ['number', { epoch: 2 }],
    ['name', { origin: second.key.name }],
    ['key', { verifierKey: 'another' }],
  ])('a link that has the %s of another ledger', async (_, other) => {
    const edit: Rebuilding['edit'] = (entry, key) => {
      const { note, ...rest } = begun()(entry, key) as Readonly<Record<string, Json>>
      if (entry['type'] !== 'ledger.begun') return entry
      return { ...rest, note: { ...(note as Record<string, Json>), ...other } }
    }

    expect(messages(await rebuilt(whole, { folder: '', edit }))).toBe(
      'the first entry of ledger 3 names another ledger or another key',
    )
  })

  it('a ledger that does not say it began after another', async () => {
    const edit: Rebuilding['edit'] = (entry) =>
      entry['type'] === 'ledger.begun' ? { ...entry, type: 'ledger.taken-over' } : entry

    expect(messages(await rebuilt(whole, { folder: '', edit }))).toContain(
      'the first entry of ledger 3 does not begin a ledger after another',
    )
  })

  it('a ledger that is told to have begun before the announcement of it', async () => {
    const edit: Rebuilding['edit'] = (entry) =>
      entry['type'] === 'ledger.begun' ? { ...entry, at: beforeMs } : entry

    expect(messages(await rebuilt(rotated.whole, { folder: '', edit }))).toContain(
      'ledger 2 is told to have begun before ledger 1 ended',
    )
  })

  it('a link that quotes another checkpoint of the ledger that announced it', async () => {
    const edit = begun((previous) => ({ ...previous, checkpoint: first.note }))

    expect(messages(await rebuilt(rotated.whole, { folder: '', edit }))).toContain(
      'ledger 2 quotes another checkpoint than that of ledger 1',
    )
  })

  it('a ledger with a key that the one before did not announce', async () => {
    const verdict = await rebuilt(rotated.whole, { folder: '', edit: begun() }, first.key)

    expect(messages(verdict)).toBe('ledger 1 did not announce ledger 2')
  })

  it('an earlier ledger made anew under another key, edited or not', async () => {
    const edit = (entry: Readonly<Record<string, Json>>) =>
      entry['index'] === 3 ? { ...entry, at: Number(entry['at']) - 1 } : entry
    const folder = 'earlier/1/'

    expect(messages(await rebuilt(rotated.whole, { folder }, second.key))).toBe(
      'ledger 2 quotes another checkpoint than that of ledger 1',
    )
    expect(messages(await rebuilt(rotated.whole, { folder, edit }, second.key))).toContain(
      'ledger 2 quotes another ledger than ledger 1 as it is inside',
    )
  })

  it('an earlier ledger whose key was rotated, and that nobody signed', async () => {
    const note = rotated.whole.get(`earlier/1/${PATHS.checkpoint}`)?.toString() ?? ''
    const text = note.slice(0, note.indexOf('\n\n') + 1)
    const files = new Map(
      [...rotated.whole].map(([path, bytes]): [string, Buffer] => [
        path,
        path.startsWith('earlier/1/') && !path.endsWith('.jsonl')
          ? Buffer.from(bytes.toString().replace(note, text))
          : bytes,
      ]),
    )

    expect(messages(await verify(forged(files), { logKeys: [second.key] }))).toBe(
      "the checkpoint is not signed by the log's key",
    )
  })

  it('an earlier ledger that was cut off at a checkpoint which its own key signed', async () => {
    const note = first.note
    const size = Number(note.split('\n')[1])
    const rows = (rotated.whole.get(PATHS.rows)?.toString() ?? '').trimEnd().split('\n')
    const kept = rows.filter((line) => {
      const { epoch, index } = JSON.parse(line) as { epoch?: number; index: number }
      return epoch === undefined || index < size
    })
    const files = new Map([
      ...rotated.whole,
      [PATHS.rows, Buffer.from(`${kept.join('\n')}\n`)] as const,
    ])

    expect(size).toBeLessThan(manifestOf(files).earlier[0]?.size ?? 0)
    expect(messages(await rebuilt(files, { folder: 'earlier/1/', note }, second.key))).toContain(
      'ledger 2 quotes another ledger than ledger 1 as it is inside',
    )
  })

  it('entries of an earlier range that were left out', async () => {
    const path = `earlier/1/${PATHS.range}`
    const lines = (rotated.whole.get(path)?.toString() ?? '').trimEnd().split('\n')
    const cut = new Map([
      ...rotated.whole,
      [path, Buffer.from(`${lines.slice(0, -2).join('\n')}\n`)],
    ])

    expect(messages(await verify(forged(cut), { logKeys: [second.key] }))).toContain(
      'the range ends at',
    )
    const gap = repack(cut, ({ earlier: [one] }) => ({
      earlier: one === undefined ? [] : [{ ...one, range: { ...one.range, end: one.size - 2 } }],
    }))
    expect(messages(await verify(gap, { logKeys: [second.key] }))).toContain('is no manifest')
  })

  it('an entry of one ledger that is shown in another', async () => {
    const files = new Map(rotated.whole)
    const inBoth = [...files.keys()].find(
      (path) => /^ledger\/entries\/[1-9]\d*\.json$/.test(path) && files.has(`earlier/1/${path}`),
    )
    for (const path of [inBoth ?? '', (inBoth ?? '').replace('.json', '.tlog-proof')])
      files.set(path, files.get(`earlier/1/${path}`) ?? Buffer.alloc(0))

    expect(inBoth).toBeDefined()
    expect(messages(await verify(forged(files), { logKeys: [second.key] }))).toMatch(
      /is proven under another checkpoint[^]*belongs to another log/,
    )
  })

  it('a row that is told to stand in another ledger than it does', async () => {
    const lines = (rotated.whole.get(PATHS.rows)?.toString() ?? '').trimEnd().split('\n')
    const moved = lines.map((line) => {
      const { epoch: _, ...rest } = JSON.parse(line) as Record<string, Json>
      return canonicalJson(rest)
    })
    const files = new Map([...rotated.whole, [PATHS.rows, Buffer.from(`${moved.join('\n')}\n`)]])

    expect(moved).not.toEqual(lines)
    expect(await verify(forged(files), { logKeys: [second.key] })).toMatchObject({
      answer: 'changed',
    })
  })

  it('an earlier ledger that was left out of a window which reaches into it', async () => {
    const without = new Map([...rotated.whole].filter(([path]) => !path.startsWith('earlier/')))
    const alone = forged(without, () => ({ earlier: [] }))
    const { scope } = manifestOf(rotated.inside)
    const longer = forge(rotated.inside, () => ({ scope: { ...scope, fromMs: beforeMs } }))

    expect(await verify(alone, { logKeys: [second.key] })).toMatchObject({ answer: 'changed' })
    expect(await verify(longer, { logKeys: [second.key] })).toMatchObject({ answer: 'changed' })
  })
})
