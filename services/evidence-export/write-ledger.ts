import {
  findLogKey,
  nodeReaderOf,
  rootOfRows,
  type KeptCheckpoint,
  type LedgerRows,
} from '../audit/index.ts'
import { PATHS, entryPath, proofPath, rangeIn, type EvidenceRange } from '../evidence/index.ts'
import {
  consistencyProof,
  formatCheckpoint,
  formatTlogProof,
  formatVerifierKey,
  frontierNodes,
  inclusionProof,
  isSignedBy,
  leafHash,
  parseCheckpoint,
  type Hash,
  type NoteKey,
} from '../ledger/index.ts'
import { PlatformError, canonicalJson } from '../model/index.ts'
import type { PastLedgerTable, Reader } from '../store/index.ts'
import type { ChainedLedger, LedgerChain } from './chain.ts'
import type { Gathered } from './gather.ts'

/** Earlier checkpoints of one ledger in one archive; the range itself shows any other size in it. */
const CHECKPOINTS_LIMIT = 1_000

/** A ledger with what signs for it. */
export interface SignedLedger {
  readonly ledger: ChainedLedger
  /** That all proofs lead to. */
  readonly note: string
  readonly origin: string
  readonly size: number
  readonly verifierKey: string
  readonly publicKeyPem: string
}

/** A ledger that was ended: what is kept of it, under its own last checkpoint where that covers it all. */
export async function signedPast(
  chain: LedgerChain,
  reader: Reader,
  ledger: ChainedLedger,
): Promise<SignedLedger> {
  const { epoch, ended } = ledger
  const key = ended && (await findLogKey(reader, { origin: ended.origin, epoch }))
  if (ended === undefined || key === undefined)
    throw new PlatformError('LEDGER_BROKEN', `the key of ledger ${epoch} is not kept`)
  const { origin, size } = ended
  return {
    ledger,
    note: await noteOver(chain.rowsOf(ledger), ended, key),
    origin,
    size,
    verifierKey: formatVerifierKey(key),
    publicKeyPem: key.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  }
}

async function noteOver(rows: LedgerRows, ended: PastLedgerTable, key: NoteKey): Promise<string> {
  const { origin, size, root } = ended
  const kept = await rows.checkpoint(size)
  if (kept !== undefined && kept.size === size) {
    const signed = parseCheckpoint(kept.note)
    const covers = signed.origin === origin && signed.root === root
    if (covers && isSignedBy(signed.note, key)) return kept.note
  }
  // One that was given up may end behind its last checkpoint: nobody signs that but the ledger that quotes it.
  if (ended.how === 'recovered') return formatCheckpoint({ origin, size, root })
  throw new PlatformError('LEDGER_BROKEN', `the last checkpoint of \`${origin}\` is not kept`)
}

/** What of the range lies in a ledger. */
export async function rangeOf(
  { first, end, chain }: Gathered,
  { ledger, size }: SignedLedger,
): Promise<EvidenceRange> {
  const own = rangeIn({ first, end }, { base: ledger.base, size })
  const read = nodeReaderOf(chain.rowsOf(ledger))
  const frontier: Hash[] = []
  for (const { level, index } of frontierNodes(own.first)) frontier.push(await read(level, index))
  return { ...own, frontier, consistency: await consistencyProof(read, own.end, size) }
}

/** The files of a ledger but for its range, by their path in its folder. */
export async function* ledgerFiles(
  gathered: Gathered,
  signed: SignedLedger,
  more: { readonly reader: Reader; readonly checkpointSizes: readonly number[] },
): AsyncGenerator<[string, string]> {
  const { ledger, note, size, verifierKey, publicKeyPem } = signed
  const { base, ended } = ledger
  const { chain, indexes } = gathered
  yield [PATHS.checkpoint, note]
  yield [PATHS.logKey, `${verifierKey}\n`]
  yield [PATHS.logKeyPem, publicKeyPem]
  yield [PATHS.checkpoints, await knownCheckpoints(gathered, signed, more)]
  const read = nodeReaderOf(chain.rowsOf(ledger))
  const behind = ended === undefined ? Number.POSITIVE_INFINITY : base + ledger.size
  for (const place of indexes.filter((one) => one >= base && one < behind)) {
    const index = place - base
    const { body } = await chain.entryAt(place)
    yield [entryPath(index), body]
    const proof = await inclusionProof(read, index, size)
    yield [proofPath(index), formatTlogProof({ index, proof, note })]
  }
}

/** A line each: the leaf, or its hash where it is left out. */
export async function* rangeLines(
  { scope, first, end, own, chain }: Gathered,
  { ledger, size }: SignedLedger,
): AsyncGenerator<Uint8Array> {
  const { base } = ledger
  const inside = rangeIn({ first, end }, { base, size })
  const places = { from: base + inside.first, end: base + inside.end }
  for await (const { place, body } of chain.entriesBetween(places)) {
    const whole = scope.entries !== 'own' || own.has(place)
    yield Buffer.from(`${whole ? body : leafHash(body)}\n`)
  }
}

/** Those signed over the range, the last one before it, the last that a witness cosigned, and those that were asked for. */
async function knownCheckpoints(
  { first, end, chain }: Gathered,
  { ledger, size }: SignedLedger,
  {
    reader,
    checkpointSizes,
  }: { readonly reader: Reader; readonly checkpointSizes: readonly number[] },
): Promise<string> {
  const rows = chain.rowsOf(ledger)
  const cosigned = await cosignedSizes(reader, { ledger, rows, size })
  const sizes = [...new Set([...checkpointSizes, ...cosigned])]
  const { first: from, end: to } = rangeIn({ first, end }, { base: ledger.base, size })
  const found = await rows.checkpointsAbout({ first: from, end: to, sizes, below: size })
  const known = ledger.ended?.how === 'recovered' ? await fitting(rows, found) : found
  const step = Math.ceil(known.length / CHECKPOINTS_LIMIT)
  const chosen = known.filter(
    (row, at) => at % step === 0 || at === known.length - 1 || sizes.includes(row.size),
  )
  const lines: string[] = []
  for (const { size: earlier, note: own } of chosen) {
    const note = ledger.ended === undefined ? own + (await cosignaturesOf(reader, earlier)) : own
    const proof = await consistencyProof(nodeReaderOf(rows), earlier, size)
    lines.push(`${canonicalJson({ note, proof })}\n`)
  }
  return lines.join('')
}

/** Of a ledger that was given up some may be of another tree than what is kept: they are not its beginning. */
async function fitting(
  rows: LedgerRows,
  found: readonly KeptCheckpoint[],
): Promise<KeptCheckpoint[]> {
  const fit: KeptCheckpoint[] = []
  for (const one of found)
    if (parseCheckpoint(one.note).root === (await rootOfRows(rows, one.size))) fit.push(one)
  return fit
}

async function cosignedSizes(
  reader: Reader,
  of: { readonly ledger: ChainedLedger; readonly rows: LedgerRows; readonly size: number },
): Promise<number[]> {
  if (of.ledger.ended !== undefined) {
    const newest = await of.rows.cosigned(of.size)
    return newest === undefined ? [] : [newest.size]
  }
  const cosigned = await reader
    .selectFrom('ledger_cosignature')
    .select((select) => ['witness', select.fn.max('size').as('size')])
    .where('size', '<', of.size)
    .groupBy('witness')
    .execute()
  return cosigned.map(({ size }) => size)
}

async function cosignaturesOf(reader: Reader, size: number): Promise<string> {
  const said = await reader
    .selectFrom('ledger_cosignature')
    .select('line')
    .where('size', '=', size)
    .orderBy('witness')
    .execute()
  return said.map(({ line }) => line).join('')
}
