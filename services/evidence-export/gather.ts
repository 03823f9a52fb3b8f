import {
  attestationPath,
  decisionPath,
  isOwn,
  isWhole,
  schemaPath,
  sealPath,
  setPath,
  LASTING_TABLES,
  LEDGERS_LIMIT,
  type EvidenceRow,
  type EvidenceScope,
} from '../evidence/index.ts'
import { parseEntry, type LedgerEntry } from '../ledger/index.ts'
import {
  PlatformError,
  limits,
  parsePublisherVersionArn,
  parseSha256,
  type Decision,
  type Facts,
  type SealInput,
  type Sha256,
} from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import { LedgerChain } from './chain.ts'
import { RowGathering } from './rows.ts'

/** Decisions in one archive: each is some files, of which a zip has no more than 65,534. */
const DECISIONS_LIMIT = 5_000
/** Entries of the range in one archive: all of it is unpacked at once where it is verified. */
const RANGE_LIMIT_BYTES = limits.UNZIPPED_SIZE_LIMIT_BYTES / 2
/** What is left of an entry that is not shown: its hash in hex, and a line feed. */
const HASH_LINE_BYTES = 65
/** Entries with files of their own, two of each, of which a zip has no more than 65,534. */
const OWN_ENTRIES_LIMIT = 20_000

/** What gathering needs beside the store. */
export interface EvidenceParts {
  /** The seals in the zip of an artifact that is kept. */
  readonly sealsOf: (codeSha256: Sha256) => Promise<readonly SealInput[]>
  /** The schema of this program by its digest: for sets that were put in force before schemas were kept. */
  readonly schemaOf: (digest: string) => string | undefined
}

/** All of an archive that hangs on one moment; entries and proofs never change, and follow when it is written. */
export interface Gathered {
  readonly scope: EvidenceScope
  /** All ledgers; entries are named by their places in it. */
  readonly chain: LedgerChain
  readonly first: number
  readonly end: number
  /** Entries that get a file and a proof of their own. */
  readonly indexes: readonly number[]
  /** Own entries of the range: with `own`, the only ones that are inside whole. */
  readonly own: ReadonlySet<number>
  readonly rows: readonly EvidenceRow[]
  readonly files: ReadonlyMap<string, Uint8Array>
  /** Code that is kept here, by its SHA-256. */
  readonly artifacts: readonly Sha256[]
  /** What the decisions are about: whoever gets the archive must be allowed to read all that these name. */
  readonly facts: readonly Facts[]
  /** Functions of which the archive holds what was live. */
  readonly functionNames: readonly string[]
}

export async function gatherEvidence(
  reader: Reader,
  scope: EvidenceScope,
  parts: EvidenceParts,
): Promise<Gathered> {
  return await new Gathering(reader, scope, { parts, chain: await LedgerChain.open(reader) }).run()
}

class Gathering {
  readonly #reader: Reader
  readonly #scope: EvidenceScope
  readonly #parts: EvidenceParts
  readonly #files = new Map<string, Uint8Array>()
  readonly #facts: Facts[] = []
  readonly #indexes = new Set<number>()
  readonly #own = new Map<number, LedgerEntry>()
  readonly #chain: LedgerChain
  #first = 0
  #end = 0

  constructor(
    reader: Reader,
    scope: EvidenceScope,
    from: { readonly parts: EvidenceParts; readonly chain: LedgerChain },
  ) {
    this.#reader = reader
    this.#scope = scope
    this.#parts = from.parts
    this.#chain = from.chain
  }

  async run(): Promise<Gathered> {
    await this.#refuseUnknown()
    const intervals = await this.#bound()
    const rows = new RowGathering(this.#reader, this.#chain, this.#end)
    await this.#scan(rows, new Set(intervals.map(({ id }) => id)))
    for (const { id, from } of intervals) {
      rows.want('live_interval', { id })
      this.#indexes.add(from)
    }
    await this.#decisions(intervals)
    await this.#wantWhatDecided(rows)
    const gathered = await rows.gather()
    for (const { index, table } of gathered)
      if (table !== 'live_interval' || !this.#inRange(index)) this.#indexes.add(index)
    await this.#documents(gathered)
    const artifacts = await this.#seals(gathered)
    this.#link()
    return {
      scope: this.#scope,
      chain: this.#chain,
      first: this.#first,
      end: this.#end,
      indexes: [...this.#indexes].toSorted((a, b) => a - b),
      own: new Set(this.#own.keys()),
      rows: gathered,
      files: this.#files,
      artifacts,
      facts: this.#facts,
      functionNames: functionsOf(gathered),
    }
  }

  async #refuseUnknown(): Promise<void> {
    const { functionName } = this.#scope
    const known = await this.#reader
      .selectFrom('function_name')
      .select('name')
      .where('name', '=', functionName)
      .executeTakeFirst()
    if (known === undefined)
      throw new PlatformError('FUNCTION_NOT_FOUND', `no function \`${functionName}\` was ever here`)
  }

  /** The range of entries, and the alias's intervals in it. */
  async #bound() {
    const chain = this.#chain
    const { functionName, alias, fromMs, toMs, entries } = this.#scope
    if (chain.cutMs !== undefined && fromMs < chain.cutMs)
      throw chain.unreached('the window begins before it')
    this.#first = await chain.firstSince(fromMs)
    this.#end = await chain.firstSince(toMs)
    const rows = await this.#reader
      .selectFrom('live_interval')
      .select(['id', 'from_ms', 'from_index', 'decision_id', 'weight'])
      .where('function_name', '=', functionName)
      .where('alias', '=', alias)
      .where('from_ms', '<', toMs)
      .where((is) => is.or([is('to_ms', 'is', null), is('to_ms', '>=', fromMs)]))
      .orderBy('id')
      .execute()
    const { cutMs } = chain
    if (cutMs !== undefined && rows.some(({ from_ms: from }) => from < cutMs))
      throw chain.unreached('what was live when the window began went live before it')
    const intervals = rows.map((row) => ({
      ...row,
      from: chain.placeOf(row.from_ms, row.from_index),
    }))
    const first = this.#first
    const carried = intervals.filter(({ from }) => from < first)
    const known = isWhole(carried.map(({ weight }) => weight))
    if (entries === 'opening' && !known && cutMs !== undefined)
      throw chain.unreached('nothing shows what was live when the window began')
    if (entries === 'opening')
      this.#first = known ? Math.min(...carried.map(({ from }) => from)) : 0
    else if (first > 0) this.#indexes.add(first - 1)
    if (this.#end < chain.size) this.#indexes.add(this.#end)
    return intervals
  }

  /** Of the ledgers that all this reaches back to: the entries by which one follows the other. */
  #link(): void {
    const oldest = Math.min(this.#first, ...this.#indexes)
    const [, ...later] = this.#chain.ledgersFrom(oldest)
    if (later.length > LEDGERS_LIMIT) throw tooMuch('ledgers')
    for (const { base, link } of later) {
      this.#indexes.add(base)
      if (link?.how === 'rotated') this.#indexes.add(base - 1)
    }
  }

  #inRange(index: number): boolean {
    return index >= this.#first && index < this.#end
  }

  /** One pass over the range: which entries are the alias's own, and which rows they changed. */
  async #scan(rows: RowGathering, intervals: ReadonlySet<number>): Promise<void> {
    let sizeBytes = 0
    const whole = this.#scope.entries !== 'own'
    const range = { from: this.#first, end: this.#end }
    for await (const { place: index, body } of this.#chain.entriesBetween(range)) {
      const entry = parseEntry(body)
      if (entry === undefined)
        throw new PlatformError('LEDGER_BROKEN', `entry ${index} of the ledger cannot be read`)
      const own = isOwn(this.#scope, entry, intervals)
      sizeBytes += whole || own ? Buffer.byteLength(body) : HASH_LINE_BYTES
      if (sizeBytes > RANGE_LIMIT_BYTES) throw tooMuch('entries')
      if (own) {
        if (this.#own.size === OWN_ENTRIES_LIMIT) throw tooMuch('entries about the alias')
        this.#own.set(index, entry)
        this.#indexes.add(index)
      }
      for (const { table, key, sha256: digest } of entry.changes) {
        if (digest === null || !(own || (whole && LASTING_TABLES.includes(table)))) continue
        rows.want(table, key, { index, digest })
      }
    }
  }

  /** The decisions of own entries, and those that what was live already came by. */
  async #decisions(intervals: readonly { readonly decision_id: string }[]): Promise<void> {
    const ids = new Set([
      ...[...this.#own.values()].flatMap(({ decision }) =>
        decision === null ? [] : [decision.id],
      ),
      ...intervals.map(({ decision_id: id }) => id),
    ])
    if (ids.size > DECISIONS_LIMIT) throw tooMuch('decisions')
    const inside = new Set([...this.#own.values()].map(({ decision }) => decision?.id))
    for (const id of ids) {
      const row = await this.#reader
        .selectFrom('decision')
        .innerJoin('document', 'document.sha256', 'decision.document')
        .innerJoin('document as facts', 'facts.sha256', 'decision.facts')
        .select(['decision.at', 'document.body', 'facts.body as facts'])
        .where('decision.id', '=', id)
        .executeTakeFirst()
      if (row === undefined) throw broken(`decision ${id} is not kept`)
      this.#files.set(decisionPath(id, 'decision'), Buffer.from(row.body))
      this.#files.set(decisionPath(id, 'facts'), Buffer.from(row.facts))
      this.#facts.push(JSON.parse(row.facts) as Facts)
      if (inside.has(id)) continue
      const from = await this.#chain.firstSince(row.at)
      const index = await this.#chain.firstHolding(`"id":"${id}"`, from)
      if (index === undefined) throw this.#chain.unproven(`decision ${id}`)
      this.#indexes.add(index)
    }
  }

  /** What the decisions were made on: artifacts with their seals, publishers, revocations, sets, approvals, exceptions. */
  async #wantWhatDecided(rows: RowGathering): Promise<void> {
    const reader = this.#reader
    const { place, toMs } = this.#scope
    const arns = new Set<string>()
    const artifacts = new Map<string, string>()
    for (const facts of this.#facts) {
      for (const { codeSha256, sha256, verdict, attestations } of facts.subjects) {
        artifacts.set(codeSha256, sha256)
        for (const { publisher } of verdict.seals) if (publisher) arns.add(publisher.arn)
        for (const { attester } of attestations?.reports ?? []) if (attester) arns.add(attester.arn)
      }
      for (const arn of facts.signingConfig?.allowedPublishers ?? []) arns.add(arn)
      for (const { id } of facts.exceptions ?? []) rows.want('break_glass', { id })
      for (const { id, approvers } of facts.approvals ?? []) {
        rows.want('approval_request', { id })
        for (const { principal } of approvers)
          rows.want('approval', { request_id: id, principal_id: principal })
      }
      const config = facts.signingConfig?.arn.split(':').at(-1)
      if (config !== undefined) rows.want('code_signing_config', { id: config })
    }
    for (const [codeSha256, sha256] of artifacts) await this.#wantArtifact(rows, codeSha256, sha256)
    for (const arn of arns) await this.#wantPublisher(rows, parsePublisherVersionArn(place, arn))
    const revocations = reader.selectFrom('revocation').select('id').where('recorded_at', '<', toMs)
    for (const { id } of await revocations.execute()) rows.want('revocation', { id })
    for (const version of this.#setVersions())
      rows.want('policy_set', { kind: 'admission', version })
  }

  async #wantArtifact(rows: RowGathering, codeSha256: string, sha256: string): Promise<void> {
    rows.want('artifact', { code_sha256: codeSha256 })
    const seals = await this.#reader
      .selectFrom('detached_seal')
      .select('seal_digest')
      .where('artifact_sha256', '=', sha256)
      .where('created_at', '<', this.#scope.toMs)
      .execute()
    for (const { seal_digest: digest } of seals)
      rows.want('detached_seal', { artifact_sha256: sha256, seal_digest: digest })
    const attestations = await this.#reader
      .selectFrom('attestation')
      .select('digest')
      .where('artifact_sha256', '=', sha256)
      .where('created_at', '<', this.#scope.toMs)
      .execute()
    for (const { digest } of attestations)
      rows.want('attestation', { artifact_sha256: sha256, digest })
  }

  async #wantPublisher(
    rows: RowGathering,
    named: ReturnType<typeof parsePublisherVersionArn>,
  ): Promise<void> {
    if (named === undefined) return
    const row = await this.#reader
      .selectFrom('publisher')
      .select('id')
      .where('name', '=', named.name)
      .executeTakeFirst()
    if (row === undefined) return
    rows.want('publisher', { id: row.id })
    rows.want('publisher_version', { publisher_id: row.id, version: named.version })
  }

  #setVersions(): Set<number> {
    const versions = new Set<number>()
    for (const [path, bytes] of this.#files) {
      if (!path.endsWith('/decision.json')) continue
      const { policySet } = JSON.parse(Buffer.from(bytes).toString()) as Decision
      if (policySet.number !== undefined) versions.add(policySet.number)
    }
    return versions
  }

  /** Texts that rows name by their digest. */
  async #documents(rows: readonly EvidenceRow[]): Promise<void> {
    for (const { table, row } of rows) {
      if (table === 'attestation') {
        const path = attestationPath(String(row['artifact_sha256']), String(row['digest']))
        const body = await this.#document(String(row['document']))
        if (body !== undefined) this.#files.set(path, Buffer.from(body))
      }
      if (table === 'policy_set' && row['kind'] === 'admission') {
        const body = await this.#document(String(row['document']))
        if (body !== undefined) this.#files.set(setPath(Number(row['version'])), Buffer.from(body))
        const digest = String(row['schema_sha256'])
        const schema = (await this.#document(digest)) ?? this.#parts.schemaOf(digest)
        if (schema !== undefined) this.#files.set(schemaPath(digest), Buffer.from(schema))
      }
      if (table === 'detached_seal') {
        const of = String(row['artifact_sha256'])
        const format = row['format'] === 'cms' ? 'cms' : 'bundle'
        const path = sealPath({ of, place: 'detached', format }, String(row['seal_digest']))
        this.#files.set(path, Buffer.from(String(row['body']), 'base64'))
      }
    }
  }

  async #document(digest: string): Promise<string | undefined> {
    const row = await this.#reader
      .selectFrom('document')
      .select('body')
      .where('sha256', '=', digest)
      .executeTakeFirst()
    return row?.body
  }

  /** Seals in the zips that are kept here. */
  async #seals(rows: readonly EvidenceRow[]): Promise<Sha256[]> {
    const artifacts = rows
      .filter(({ table }) => table === 'artifact')
      .map(({ row }) => parseSha256(String(row['code_sha256'])))
    for (const codeSha256 of artifacts) {
      for (const [at, { format, bytes }] of (await this.#parts.sealsOf(codeSha256)).entries())
        this.#files.set(sealPath({ of: codeSha256, place: 'block', format }, String(at)), bytes)
    }
    return artifacts
  }
}

function functionsOf(rows: readonly EvidenceRow[]): string[] {
  const intervals = rows.filter(({ table }) => table === 'live_interval')
  return [...new Set(intervals.map(({ row }) => String(row['function_name'])))]
}

function tooMuch(what: string): PlatformError {
  return new PlatformError(
    'INVALID_PARAMETER',
    `the window holds too many ${what} for one archive: ask for a shorter one, or for entries \`own\``,
  )
}

function broken(message: string): PlatformError {
  return new PlatformError('LEDGER_BROKEN', message)
}
