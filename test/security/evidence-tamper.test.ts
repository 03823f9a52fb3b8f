import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { deflateRawSync } from 'node:zlib'

import { afterAll, describe, expect, it } from 'vitest'

import {
  PATHS,
  parseManifest,
  verifyEvidence,
  type EvidenceVerdict,
  type VerifyEvidenceOptions,
} from '../../services/evidence/index.ts'
import {
  cosignedText,
  encodeCosignature,
  formatNote,
  formatSignatureLine,
  formatVerifierKey,
  noteKey,
  parseCheckpoint,
  parseEntry,
  parseVerifierKey,
  rowDigest,
  type LedgerEntry,
  type Row,
} from '../../services/ledger/index.ts'
import { bufferSource, canonicalJson, type Json } from '../../services/model/index.ts'
import { loadShippedPolicies } from '../../services/shipped-policies.ts'
import { startTestApp } from '../support/app.ts'
import { forge, pack, repack, unpack } from '../support/evidence-archive.ts'
import { askArchive, startEvidenceStory } from '../support/evidence-story.ts'
import { createActive, refusalOf } from '../support/functions.ts'
import { zipOf } from '../support/packages.ts'
import { askInstead } from '../support/policies.ts'

const EVERY_FILE_MS = 300_000

const story = await startEvidenceStory()
afterAll(() => story[Symbol.asyncDispose]())
const logKey = parseVerifierKey(story.app.deps.audit.verifierKey)

async function archive(query: Readonly<Record<string, string>>): Promise<Map<string, Buffer>> {
  const { status, bytes } = await story.ask(query)
  if (status !== 200) throw new Error(`${status} ${bytes.toString()}`)
  return await unpack(bytes)
}

const verify = async (
  bytes: Uint8Array,
  options: VerifyEvidenceOptions = {},
): Promise<EvidenceVerdict> =>
  await verifyEvidence(bufferSource(bytes), { logKeys: [logKey], ...options })

const kinds = ({ findings }: EvidenceVerdict): string[] => [
  ...new Set(findings.map(({ kind }) => kind)),
]
const messages = ({ findings }: EvidenceVerdict): string =>
  findings.map(({ message }) => message).join('\n')

const short = await archive({ from: story.beginning, to: story.middle, artifacts: 'true' })
const whole = await archive({ from: story.beginning })

function with_(files: ReadonlyMap<string, Buffer>, path: string, text: string | Buffer) {
  return new Map([...files, [path, Buffer.from(text as string)]])
}
function without(files: ReadonlyMap<string, Buffer>, ...paths: readonly string[]) {
  return new Map([...files].filter(([path]) => !paths.includes(path)))
}
const linesOf = (files: ReadonlyMap<string, Buffer>, path: string): string[] =>
  (files.get(path)?.toString() ?? '').trimEnd().split('\n')

it('what is forged by nobody verifies: the forger of these tests changes nothing by itself', async () => {
  expect(await verify(forge(short))).toMatchObject({ answer: 'authenticated', findings: [] })
  expect(await verify(forge(whole))).toMatchObject({ answer: 'authenticated', findings: [] })
})

it('finds a flipped bit in every single file', { timeout: EVERY_FILE_MS }, async () => {
  const missed: string[] = []
  for (const [path, bytes] of short) {
    if (bytes.length === 0) continue
    const flipped = Buffer.from(bytes)
    const at = Math.floor(bytes.length / 2)
    flipped[at] = (flipped[at] ?? 0) ^ 1
    const { answer } = await verify(pack(with_(short, path, flipped)))
    if (answer !== 'changed') missed.push(path)
  }

  expect(missed).toEqual([])
  expect(short.size).toBeGreaterThan(60)
})

it('finds it with a manifest that was made to fit, too', { timeout: EVERY_FILE_MS }, async () => {
  const missed: string[] = []
  for (const [path, bytes] of short) {
    if (bytes.length === 0 || path === PATHS.manifest) continue
    const flipped = Buffer.from(bytes)
    const at = Math.floor(bytes.length / 2)
    flipped[at] = (flipped[at] ?? 0) ^ 1
    const { answer } = await verify(repack(with_(short, path, flipped)))
    if (answer !== 'changed') missed.push(path)
  }

  expect(missed).toEqual([])
})

it(
  'finds every single file that was dropped, manifest made to fit',
  { timeout: EVERY_FILE_MS },
  async () => {
    const missed: string[] = []
    for (const path of short.keys()) {
      if (path === PATHS.manifest) continue
      const { answer } = await verify(repack(without(short, path)))
      if (answer !== 'changed') missed.push(path)
    }

    expect(missed).toEqual([])
    expect((await verify(pack(without(short, PATHS.manifest)))).answer).toBe('changed')
  },
)

describe('the files', () => {
  it.each(['evil.txt', 'ledger/entries/9999.txt', 'seals/x.json', 'publishers/eve-1.pem'])(
    'finds a file too many: %s',
    async (path) => {
      expect((await verify(pack(with_(whole, path, 'x')))).answer).toBe('changed')
      expect((await verify(repack(with_(whole, path, 'x')))).answer).toBe('changed')
    },
  )

  it('finds a seal that no decision saw', async () => {
    const [path = ''] = [...whole.keys()].filter((one) => one.startsWith('seals/'))
    const more = path.replace('block-0', 'block-7')
    const [, other] = [...whole].filter(([one]) => one.startsWith('seals/'))

    const verdict = await verify(repack(with_(whole, more, other?.[1] ?? '')))

    expect(kinds(verdict)).toContain('extra')
  })

  it('finds a report that was edited', async () => {
    for (const path of [PATHS.reportHtml, PATHS.reportJson, PATHS.readme]) {
      const text = whole
        .get(path)
        ?.toString()
        .replaceAll('deny', 'allow')
        .replaceAll('openssl', 'curl')
      const verdict = await verify(repack(with_(whole, path, text ?? '')))

      expect(verdict.findings).toEqual([
        { kind: 'edited', message: `\`${path}\` does not follow from the rest of the archive` },
      ])
    }
  })

  it.each<[string, () => Uint8Array]>([
    ['nothing', () => Buffer.alloc(0)],
    ['text', () => Buffer.from('evidence')],
    ['an entry that leads out', () => zipOf({ '../evil': 'x' })],
    ['an absolute name', () => zipOf({ '/etc/passwd': 'x' })],
    ['bytes behind the end', () => Buffer.concat([pack(short), Buffer.from('more')])],
    ['bytes in front', () => Buffer.concat([Buffer.from('#!/bin/sh\n'), pack(short)])],
    ['a name twice', twice],
    ['a bomb', bomb],
  ])('refuses %s as an archive', async (_, make) => {
    const verdict = await verify(make())

    expect(verdict.answer).toBe('changed')
    expect(verdict.told).toBeUndefined()
  })
})

describe('decisions', () => {
  const ids = [
    ...new Set([...whole.keys()].flatMap((path) => /^decisions\/([^/]+)/.exec(path)?.[1] ?? [])),
  ]

  it('finds two that were swapped', async () => {
    const [one = '', other = ''] = ids
    const swapped = new Map(whole)
    for (const part of ['decision', 'facts']) {
      swapped.set(
        `decisions/${one}/${part}.json`,
        whole.get(`decisions/${other}/${part}.json`) ?? Buffer.alloc(0),
      )
      swapped.set(
        `decisions/${other}/${part}.json`,
        whole.get(`decisions/${one}/${part}.json`) ?? Buffer.alloc(0),
      )
    }

    expect(messages(await verify(forge(swapped)))).toContain('is not the one of entry')
  })

  it('finds one whose facts were swapped', async () => {
    const [one = '', other = ''] = ids
    const swapped = with_(
      whole,
      `decisions/${one}/facts.json`,
      whole.get(`decisions/${other}/facts.json`) ?? '',
    )

    expect(messages(await verify(forge(swapped)))).toContain('was made on other facts')
  })

  it('finds a refusal that was left out with its entry', async () => {
    const refused = story.refused[1] ?? ''
    const entry = [...whole].find(
      ([one, bytes]) => one.startsWith('ledger/entries/') && bytes.includes(refused),
    )?.[0]
    const left = without(
      whole,
      `decisions/${refused}/decision.json`,
      `decisions/${refused}/facts.json`,
      entry ?? '',
      (entry ?? '').replace('.json', '.tlog-proof'),
    )

    const verdict = await verify(forge(left))

    expect(entry).toBeDefined()
    expect(messages(verdict)).toContain('which is about the alias, has no file')
  })

  it('finds another policy text, also where it would decide the same', async () => {
    const path = [...whole.keys()].find((one) => /^policies\/\d+\/set\.json$/.test(one)) ?? ''
    const text = whole.get(path)?.toString().replace('"cases":', '"copy":1,"cases":') ?? ''
    const document = canonicalJson(JSON.parse(text) as Json)

    expect(kinds(await verify(forge(with_(whole, path, document))))).toContain('policy')
  })
})

it('finds a decision that does not follow from its facts and the policies in force', async () => {
  await using app = await startTestApp()
  const from = new Date(Date.now() - 1_000).toISOString()
  const { set } = loadShippedPolicies('strict-production')
  // A service that lies: it names the set in force and asks another one.
  const giveBack = askInstead(app, { name: 'default', version: 1, set })
  await refusalOf(createActive(app.client, 'lied'))
  giveBack()
  await createActive(app.client, 'lied', { Publish: true })
  const { bytes } = await askArchive(app.admin, '/api/v1/evidence/lied/1', { from })

  const verdict = await verifyEvidence(bufferSource(bytes))

  expect(messages(verdict)).toMatch(
    /^decision dec-\w+ does not follow from its facts and the policies in force$/,
  )
})

describe('rows', () => {
  const withRows = (change: (lines: string[]) => string[]): Map<string, Buffer> =>
    with_(whole, PATHS.rows, `${change(linesOf(whole, PATHS.rows)).join('\n')}\n`)
  const isProd = (line: string): boolean =>
    line.includes('"alias":"prod"') && line.includes('"table":"live_interval"')

  it('finds an interval that was left out', async () => {
    let seen = 0
    const files = withRows((lines) => lines.filter((line) => !(isProd(line) && (seen += 1) === 2)))

    expect(messages(await verify(forge(files)))).toContain('is not inside')
  })

  it('finds an interval that is told of another alias', async () => {
    const files = withRows((lines) =>
      lines.map((line) =>
        isProd(line) && line.includes('"version":"3"')
          ? line.replace('"alias":"prod"', '"alias":"test"')
          : line,
      ),
    )

    expect(messages(await verify(forge(files)))).toContain('says that it is another')
  })

  it('finds an end that came earlier than told', async () => {
    const files = withRows((lines) =>
      lines.map((line) => (isProd(line) ? line.replace(/"to_ms":(\d+)/, '"to_ms":1$1') : line)),
    )

    expect(kinds(await verify(forge(files)))).toContain('row')
  })

  it('finds a publisher whose key was exchanged', async () => {
    const files = withRows((lines) =>
      lines.map((line) =>
        line.includes('"table":"publisher_version"') ? line.replace('MFkw', 'MFkx') : line,
      ),
    )

    expect((await verify(forge(files))).answer).toBe('changed')
  })

  it('finds a revocation that was left out', async () => {
    const files = withRows((lines) =>
      lines.filter((line) => !line.includes('"table":"revocation"')),
    )

    expect(messages(await verify(forge(files)))).toMatch(/revocation .* is not inside/)
  })

  const entriesOf = (files: ReadonlyMap<string, Buffer>): LedgerEntry[] =>
    linesOf(files, PATHS.range).flatMap((line) => parseEntry(line) ?? [])
  type ShownRow = { readonly table: string; readonly index: number; readonly row: Row }
  const toRow = (line: string): ShownRow => JSON.parse(line) as ShownRow

  /** A row of then as an entry of then proves it: without what was written into it later. */
  function asOf(line: string, later: readonly string[]): string {
    const { table, row } = toRow(line)
    const then = Object.fromEntries(Object.entries(row).filter(([name]) => !later.includes(name)))
    const proof = entriesOf(whole).find(({ changes }) =>
      changes.some((change) => change.table === table && change.sha256 === rowDigest(then)),
    )
    if (proof === undefined) throw new Error(`no entry says that ${table} was ever so`)
    return canonicalJson({ table, row: then, index: proof.index })
  }

  it('finds what was live as going on, though the window has its end', async () => {
    const files = withRows((lines) =>
      lines.map((line) =>
        isProd(line) && line.includes('"version":"3"') ? asOf(line, ['to_ms', 'to_index']) : line,
      ),
    )

    const verdict = await verify(forge(files))

    expect(kinds(verdict)).toEqual(['row'])
    expect(messages(verdict)).toMatch(
      /^live_interval .* is shown as entry \d+ left it, though entry \d+ changed it since$/,
    )
  })

  it('finds an exception as it was before it was ended', async () => {
    const files = withRows((lines) =>
      lines.map((line) =>
        line.includes('"table":"break_glass"')
          ? asOf(line, ['ended', 'ended_at', 'ended_by'])
          : line,
      ),
    )

    expect(messages(await verify(forge(files)))).toMatch(/^break_glass .* changed it since$/)
  })

  it('finds a row that is proven by another entry than the one named', async () => {
    const files = withRows((lines) =>
      lines.map((line) =>
        line.includes('"table":"revocation"') ? line.replace(/"index":\d+/, '"index":1') : line,
      ),
    )

    expect((await verify(forge(files))).answer).toBe('changed')
  })
})

describe('the log', () => {
  it('finds the proof of another entry', async () => {
    const proofs = [...whole.keys()].filter((path) => path.endsWith('.tlog-proof'))
    const [one = '', other = ''] = proofs
    const index = /(\d+)\.tlog-proof/.exec(one)?.[1]
    const text =
      whole
        .get(other)
        ?.toString()
        .replace(/index \d+/, `index ${index}`) ?? ''

    expect(messages(await verify(forge(with_(whole, one, text))))).toContain(
      'does not lead to the root',
    )
  })

  it('finds an entry of the range that was edited, dropped, or stands elsewhere', async () => {
    const lines = linesOf(whole, PATHS.range)
    const edited = lines.with(5, lines[5]?.replace('"v":1', '"v":1 ') ?? '')
    const dropped = lines.toSpliced(5, 1)
    const swapped = lines.with(5, lines[6] ?? '').with(6, lines[5] ?? '')

    for (const change of [edited, dropped, swapped]) {
      const files = with_(whole, PATHS.range, `${change.join('\n')}\n`)
      expect(kinds(await verify(forge(files)))).toContain('window')
    }
  })

  it('finds an entry that was withheld as a hash from a window that says it is whole', async () => {
    const lines = linesOf(whole, PATHS.range)
    const own = await archive({ from: story.beginning, entries: 'own' })
    const hash = linesOf(own, PATHS.range).find((line) => /^[0-9a-f]{64}$/.test(line)) ?? ''
    const at = linesOf(own, PATHS.range).indexOf(hash)
    const files = with_(whole, PATHS.range, `${lines.with(at, hash).join('\n')}\n`)

    const verdict = await verify(forge(files))

    expect(messages(verdict)).toContain('1 entries of the range are not inside')
  })

  it('finds a window that was cut at its end, though every proof in it holds', async () => {
    const cut = await archive({ from: story.beginning, to: story.middle })
    const { scope } = parseManifest(whole.get(PATHS.manifest) ?? Buffer.alloc(0))

    const verdict = await verify(
      forge(cut, (manifest) => ({ scope: { ...manifest.scope, toMs: scope.toMs } })),
    )

    expect(messages(verdict)).toContain('the range does not end with the window')
  })

  it('finds a window that was cut at its beginning', async () => {
    const cut = await archive({ from: story.middle })
    const { scope } = parseManifest(whole.get(PATHS.manifest) ?? Buffer.alloc(0))

    const verdict = await verify(
      forge(cut, (manifest) => ({ scope: { ...manifest.scope, fromMs: scope.fromMs } })),
    )

    expect(messages(verdict)).toContain('the range does not begin with the window')
  })

  it('finds a window that is told to reach back to the opening, and does not', async () => {
    const cut = await archive({ from: story.middle })

    const verdict = await verify(
      forge(cut, (manifest) => ({ scope: { ...manifest.scope, entries: 'opening' } })),
    )

    expect(messages(verdict)).toContain('does not reach back')
  })

  it('finds a checkpoint by another key: only without a key from outside does it look consistent', async () => {
    const forged = resigned(whole)

    expect(await verify(forged)).toMatchObject({ answer: 'changed' })
    expect(await verifyEvidence(bufferSource(forged))).toMatchObject({
      answer: 'consistent, not authenticated',
    })
  })

  it('finds with a checkpoint from outside that the log was forked', async () => {
    const origin = logKey.name
    const { publicKey, privateKey } = generateKeyPairSync('ed25519')
    const key = noteKey(origin, publicKey.export({ type: 'spki', format: 'pem' }).toString())
    const text = `${origin}\n20\n${Buffer.alloc(32, 7).toString('base64')}\n`
    const bytes = sign(null, Buffer.from(text), privateKey)
    const fork = formatNote(text, [{ name: key.name, id: key.id, bytes }])

    const verdict = await verifyEvidence(bufferSource(pack(whole)), { checkpoints: [fork] })

    expect(messages(verdict)).toContain('the log was forked or written anew')
  })

  it('finds with a later checkpoint from outside that the archive shows less than was signed', async () => {
    const { size } = parseManifest(whole.get(PATHS.manifest) ?? Buffer.alloc(0))
    const note = whole.get(PATHS.checkpoint)?.toString() ?? ''
    const later = note.replace(`\n${size}\n`, `\n${size + 10}\n`)

    const verdict = await verifyEvidence(bufferSource(pack(whole)), { checkpoints: [later] })

    expect(messages(verdict)).toContain('shows less than was signed')
  })
})

describe('witnesses given from outside', () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
  const witness = noteKey('witness.example/w1', pem, 'cosignature')

  /** The archive with a line of the witness below its checkpoint, wherever that stands. */
  function cosigned(signer: KeyObject): Buffer {
    const note = whole.get(PATHS.checkpoint)?.toString() ?? ''
    const text = cosignedText(parseCheckpoint(note).note.text, 1_700_000_000)
    const bytes = encodeCosignature(1_700_000_000, sign(null, Buffer.from(text), signer))
    const longer = note + formatSignatureLine({ name: witness.name, id: witness.id, bytes })
    return forge(
      new Map(
        [...whole].map(([path, file]): [string, Buffer] =>
          path === PATHS.checkpoint || path.endsWith('.tlog-proof')
            ? [path, Buffer.from(file.toString().replace(note, longer))]
            : [path, file],
        ),
      ),
    )
  }

  it('tells what one cosigned, by its key alone', async () => {
    const bytes = cosigned(privateKey)
    const { size } = parseManifest(whole.get(PATHS.manifest) ?? Buffer.alloc(0))

    expect(await verify(bytes, { witnesses: [witness] })).toMatchObject({
      answer: 'authenticated',
      told: {
        witnesses: [{ name: witness.name, size, atMs: 1_700_000_000_000 }],
        unverifiedCosigners: [],
      },
    })
    expect(await verify(bytes)).toMatchObject({
      answer: 'authenticated',
      told: { witnesses: [], unverifiedCosigners: [witness.name] },
    })
  })

  it('finds a cosignature that is by another key, and one that is not there', async () => {
    const other = cosigned(generateKeyPairSync('ed25519').privateKey)

    expect(messages(await verify(other, { witnesses: [witness] }))).toMatch(
      /^what witness.example\/w1 said of the checkpoint of size \d+ does not verify$/,
    )
    expect(messages(await verify(pack(whole), { witnesses: [witness] }))).toBe(
      'no checkpoint inside is cosigned by witness.example/w1',
    )
  })
})

describe('publishers pinned from outside', () => {
  it('finds a seal by a key that is not pinned', async () => {
    const keys = new Set(['0'.repeat(64)])

    const verdict = await verify(pack(whole), { pinned: { keys, trustedRoot: undefined } })

    expect(kinds(verdict)).toEqual(['publisher'])
  })
})

/** The same tree under a checkpoint that somebody else signed, with proofs and keys to match. */
function resigned(files: ReadonlyMap<string, Buffer>): Buffer {
  const note = files.get(PATHS.checkpoint)?.toString() ?? ''
  const { note: signed, origin } = parseCheckpoint(note)
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
  const key = noteKey(origin, pem)
  const bytes = sign(null, Buffer.from(signed.text), privateKey)
  const own = formatNote(signed.text, [{ name: key.name, id: key.id, bytes }])
  const changed = new Map(files)
  changed.set(PATHS.checkpoint, Buffer.from(own))
  changed.set(PATHS.logKey, Buffer.from(`${formatVerifierKey(key)}\n`))
  changed.set(PATHS.logKeyPem, Buffer.from(pem))
  changed.set(PATHS.checkpoints, Buffer.alloc(0))
  for (const [path, content] of files)
    if (path.endsWith('.tlog-proof'))
      changed.set(path, Buffer.from(content.toString().replace(note, own)))
  return forge(changed)
}

/** A zip with one name for two entries, in both headers of each. */
function twice(): Buffer {
  const zip = zipOf({ 'a.txt': 'x', 'b.txt': 'y' })
  return Buffer.from(zip.toString('latin1').replaceAll('b.txt', 'a.txt'), 'latin1')
}

/** One entry that grows a thousandfold. */
function bomb(): Uint8Array {
  const content = Buffer.alloc(4_000_000)
  const packed = deflateRawSync(content, { level: 9 })
  const zip = zipOf({ 'manifest.json': packed })
  // Method 8 and the real size, in both headers.
  for (const [offset, sizes] of [
    [0, 22],
    [zip.indexOf(Buffer.from([0x50, 0x4b, 1, 2])), 24],
  ] as const) {
    zip.writeUInt16LE(8, offset + (offset === 0 ? 8 : 10))
    zip.writeUInt32LE(content.length, offset + sizes)
  }
  return zip
}
