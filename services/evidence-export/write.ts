import { ledgerRows, nodeReaderOf } from '../audit/index.ts'
import type { BlobReader } from '../blobs/index.ts'
import {
  PATHS,
  artifactPath,
  derivedFiles,
  entryPath,
  formatManifest,
  proofPath,
  readContents,
  type EvidenceHead,
  type Manifest,
} from '../evidence/index.ts'
import {
  consistencyProof,
  formatTlogProof,
  frontierNodes,
  inclusionProof,
  parseCheckpoint,
  type Hash,
} from '../ledger/index.ts'
import { canonicalJson, type ByteSource, type Json, type Sha256 } from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import { ArchiveWriter, type ArchiveSink } from './archive-writer.ts'
import { entriesBetween, entryAt } from './find.ts'
import type { Gathered } from './gather.ts'

/** Earlier checkpoints in one archive; the range itself shows any other size in it. */
const CHECKPOINTS_LIMIT = 1_000
const PIECE_BYTES = 262_144

export interface WriteParts {
  readonly reader: Reader
  readonly blobs: BlobReader
  /** Signed over at least what was gathered. */
  readonly note: string
  readonly verifierKey: string
  readonly publicKeyPem: string
  readonly withArtifacts: boolean
  /** Sizes of checkpoints that somebody else keeps: each gets a proof, where the service still has it. */
  readonly checkpointSizes: readonly number[]
}

/** Small files first, since what people read is made of them; then the range and the code; the manifest at the end. */
export async function writeEvidence(
  gathered: Gathered,
  parts: WriteParts,
  sink: ArchiveSink,
): Promise<void> {
  const head = await headOf(gathered, parts)
  const files = await smallFiles(gathered, parts, head)
  const writer = new ArchiveWriter(sink, gathered.scope.toMs)
  try {
    for (const [path, text] of derivedFiles(readContents(head, files))) await writer.add(path, text)
    for (const path of [...files.keys()].toSorted())
      await writer.add(path, files.get(path) ?? new Uint8Array())
    await writer.addStream(PATHS.range, rangeLines(gathered, parts))
    if (parts.withArtifacts)
      for (const digest of gathered.artifacts) await addArtifact(writer, parts, digest)
    const manifest: Manifest = { ...head, files: new Map(writer.files) }
    await writer.add(PATHS.manifest, formatManifest(manifest))
    await writer.finish()
  } catch (error) {
    await writer.abort()
    throw error
  }
}

async function headOf(gathered: Gathered, parts: WriteParts): Promise<EvidenceHead> {
  const { origin, size } = parseCheckpoint(parts.note)
  const { scope, first, end } = gathered
  const read = nodeReaderOf(ledgerRows(parts.reader))
  const frontier: Hash[] = []
  for (const { level, index } of frontierNodes(first)) frontier.push(await read(level, index))
  const consistency = await consistencyProof(read, end, size)
  return {
    scope,
    artifacts: parts.withArtifacts,
    origin,
    size,
    range: { first, end, frontier, consistency },
  }
}

async function smallFiles(
  gathered: Gathered,
  parts: WriteParts,
  { size }: EvidenceHead,
): Promise<Map<string, Uint8Array>> {
  const files = new Map(gathered.files)
  const put = (path: string, text: string): void => void files.set(path, Buffer.from(text))
  put(PATHS.checkpoint, parts.note)
  put(PATHS.logKey, `${parts.verifierKey}\n`)
  put(PATHS.logKeyPem, parts.publicKeyPem)
  const rows = gathered.rows.map((row) => `${canonicalJson({ ...row } as unknown as Json)}\n`)
  put(PATHS.rows, rows.join(''))
  put(PATHS.checkpoints, await knownCheckpoints(gathered, parts, size))
  const read = nodeReaderOf(ledgerRows(parts.reader))
  for (const index of gathered.indexes) {
    const { body } = await entryAt(parts.reader, index)
    put(entryPath(index), body)
    const proof = await inclusionProof(read, index, size)
    put(proofPath(index), formatTlogProof({ index, proof, note: parts.note }))
  }
  return files
}

/** Those signed over the range, the last one before it, the last that a witness cosigned, and those that were asked for. */
async function knownCheckpoints(
  { first, end }: Gathered,
  { reader, checkpointSizes }: WriteParts,
  size: number,
): Promise<string> {
  const cosigned = await reader
    .selectFrom('ledger_cosignature')
    .select((select) => ['witness', select.fn.max('size').as('size')])
    .where('size', '<', size)
    .groupBy('witness')
    .execute()
  const asked = new Set([...checkpointSizes, ...cosigned.map((one) => one.size)])
  const rows = await reader
    .selectFrom('ledger_checkpoint')
    .select(['size', 'note'])
    .where('size', '<', size)
    .where((is) =>
      is.or([
        is.and([is('size', '>=', first), is('size', '<=', end)]),
        is('size', 'in', [...asked, -1]),
        is('size', '=', (query) =>
          query
            .selectFrom('ledger_checkpoint')
            .select((select) => select.fn.max('size').as('size'))
            .where('size', '<', first),
        ),
      ]),
    )
    .orderBy('size')
    .execute()
  const step = Math.ceil(rows.length / CHECKPOINTS_LIMIT)
  const chosen = rows.filter(
    (row, at) => at % step === 0 || at === rows.length - 1 || asked.has(row.size),
  )
  const read = nodeReaderOf(ledgerRows(reader))
  const lines: string[] = []
  for (const { size: earlier, note: own } of chosen) {
    const said = await reader
      .selectFrom('ledger_cosignature')
      .select('line')
      .where('size', '=', earlier)
      .orderBy('witness')
      .execute()
    const note = own + said.map(({ line }) => line).join('')
    const proof = await consistencyProof(read, earlier, size)
    lines.push(`${canonicalJson({ note, proof })}\n`)
  }
  return lines.join('')
}

async function* rangeLines(
  { scope, first, end, own }: Gathered,
  { reader }: WriteParts,
): AsyncGenerator<Uint8Array> {
  for await (const { index, body, leafHash } of entriesBetween(reader, { from: first, end })) {
    const whole = scope.entries !== 'own' || own.has(index)
    yield Buffer.from(`${whole ? body : leafHash}\n`)
  }
}

async function addArtifact(
  writer: ArchiveWriter,
  { blobs }: WriteParts,
  digest: Sha256,
): Promise<void> {
  using source = blobs.open(digest)
  await writer.addStream(artifactPath(digest), piecesOf(source))
}

// oxlint-disable-next-line require-await -- archives take asynchronous pieces
async function* piecesOf(source: ByteSource): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < source.sizeBytes; at += PIECE_BYTES)
    yield source.read(at, Math.min(PIECE_BYTES, source.sizeBytes - at))
}
