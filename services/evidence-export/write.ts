import assert from 'node:assert/strict'

import type { BlobReader } from '../blobs/index.ts'
import {
  PATHS,
  artifactPath,
  derivedFiles,
  folderOf,
  formatManifest,
  readContents,
  type EarlierHead,
  type EvidenceHead,
  type EvidenceRow,
  type Manifest,
} from '../evidence/index.ts'
import { parseCheckpoint } from '../ledger/index.ts'
import { canonicalJson, type ByteSource, type Json, type Sha256 } from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import { ArchiveWriter, type ArchiveSink } from './archive-writer.ts'
import type { Gathered } from './gather.ts'
import { ledgerFiles, rangeLines, rangeOf, signedPast, type SignedLedger } from './write-ledger.ts'

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
  const reading = { ...gathered, chain: gathered.chain.over(parts.reader) }
  const ledgers = await signedLedgers(reading, parts)
  const head = await headOf(reading, ledgers, parts.withArtifacts)
  const files = await smallFiles(reading, parts, { head, ledgers })
  const writer = new ArchiveWriter(sink, gathered.scope.toMs)
  try {
    for (const [path, text] of derivedFiles(readContents(head, files))) await writer.add(path, text)
    for (const path of [...files.keys()].toSorted())
      await writer.add(path, files.get(path) ?? new Uint8Array())
    for (const one of ledgers) {
      const path = `${folderOf(head, one.ledger.epoch)}${PATHS.range}`
      await writer.addStream(path, rangeLines(reading, one))
    }
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

/** Oldest first, from the oldest one that something stands in. */
async function signedLedgers(
  { chain, first, indexes }: Gathered,
  { reader, note, verifierKey, publicKeyPem }: WriteParts,
): Promise<SignedLedger[]> {
  const signed: SignedLedger[] = []
  for (const ledger of chain.ledgersFrom(Math.min(first, ...indexes)))
    if (ledger.ended !== undefined) signed.push(await signedPast(chain, reader, ledger))
    else {
      const { origin, size } = parseCheckpoint(note)
      signed.push({ ledger, note, origin, size, verifierKey, publicKeyPem })
    }
  return signed
}

async function headOf(
  gathered: Gathered,
  ledgers: readonly SignedLedger[],
  artifacts: boolean,
): Promise<EvidenceHead> {
  const heads: EarlierHead[] = []
  for (const one of ledgers) {
    const { origin, size, ledger } = one
    heads.push({ epoch: ledger.epoch, origin, size, range: await rangeOf(gathered, one) })
  }
  const newest = heads.pop()
  assert(newest, 'the ledger in force is always inside')
  const { origin, size, range } = newest
  return { scope: gathered.scope, artifacts, origin, size, range, earlier: heads }
}

async function smallFiles(
  gathered: Gathered,
  parts: WriteParts,
  { head, ledgers }: { readonly head: EvidenceHead; readonly ledgers: readonly SignedLedger[] },
): Promise<Map<string, Uint8Array>> {
  const files = new Map(gathered.files)
  const put = (path: string, text: string): void => void files.set(path, Buffer.from(text))
  const lines = gathered.rows.map((row) => `${rowLine(row, ledgers)}\n`)
  put(PATHS.rows, lines.join(''))
  for (const one of ledgers) {
    const folder = folderOf(head, one.ledger.epoch)
    for await (const [path, text] of ledgerFiles(gathered, one, parts))
      put(`${folder}${path}`, text)
  }
  return files
}

/** By the index that the entry has in its own ledger, with the number of that where it is an earlier one. */
function rowLine({ index, ...row }: EvidenceRow, ledgers: readonly SignedLedger[]): string {
  const ledger = ledgers.findLast((one) => one.ledger.base <= index)?.ledger
  assert(ledger, 'the ledger of a row is inside')
  const epoch = ledger.ended === undefined ? {} : { epoch: ledger.epoch }
  return canonicalJson({ ...row, index: index - ledger.base, ...epoch } as unknown as Json)
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
